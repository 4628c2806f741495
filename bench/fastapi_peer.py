"""The peer: FastAPI and uvicorn doing the same work on the same SQLite schema.

GET /r/{token} parses the token, reads the link's row by its indexed id, compares the HMAC and answers the overview.
POST /tenant/scans/{scan_id}/share checks the API key the same way, checks the scan, and inserts the share and its audit
row in one transaction at synchronous=FULL. DATABASE and PEPPER_FILE come from the environment.
"""

import hashlib
import hmac
import json
import os
import secrets
import sqlite3
import string
import threading
import time
import uuid
import zlib

from fastapi import FastAPI, Header, HTTPException, Request
from fastapi.responses import JSONResponse, Response

BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase
PEPPER = bytes.fromhex(open(os.environ["PEPPER_FILE"]).read().strip())
DATABASE = os.environ["DATABASE"]
local = threading.local()
overviews = {}
app = FastAPI()


def connection():
    if not hasattr(local, "db"):
        local.db = sqlite3.connect(DATABASE, isolation_level=None, check_same_thread=False, timeout=30)
        local.db.execute("PRAGMA synchronous=FULL")
        local.db.execute("PRAGMA foreign_keys=ON")
    return local.db


def base62(number, width):
    out = ""
    for _ in range(width):
        number, digit = divmod(number, 62)
        out = BASE62[digit] + out
    return out


def parse(prefix, token):
    if len(token) != 54 or not token.startswith(prefix):
        return None
    if base62(zlib.crc32(token[:48].encode()), 6) != token[48:]:
        return None
    return token[6:16], token[16:48]


def mac(secret):
    return hmac.new(PEPPER, secret.encode(), hashlib.sha256).digest()


@app.get("/r/{token}")
def read_link(token: str):
    parts = parse("cnt_s_", token)
    row = parts and connection().execute(
        "SELECT s.secret_mac, s.scope, s.recipient, s.expires_at, s.revoked_at, s.paused, s.scan_id, t.name FROM shares s "
        "JOIN tenants t ON t.id = s.tenant_id WHERE s.public_id = ?", (parts[0],)).fetchone()
    if not row or not hmac.compare_digest(row[0], mac(parts[1])):
        raise HTTPException(404)
    if row[4] or row[5] or row[3] <= time.time() * 1000:
        raise HTTPException(404)
    scan_id = row[6]
    if scan_id not in overviews:
        result = json.loads(connection().execute("SELECT result FROM scan_results WHERE scan_id = ?", (scan_id,)).fetchone()[0])
        overviews[scan_id] = {
            "scanId": scan_id, "label": result["label"], "finishedAt": result["finishedAt"],
            "readinessScore": result["readinessScore"], "readinessBand": result["readinessBand"],
            "scoreRange": result["scoreRange"], "coverage": result["coverage"], "counts": result["counts"],
            "mosca": result["mosca"], "topRemediation": result["remediationBacklog"][:3]}
    return JSONResponse({
        "status": "success", "scope": row[1], "recipient": row[2], "issuer": {"name": row[7]}, "expiresAt": row[3],
        "scan": overviews[scan_id], "available": []}, headers={"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"})


@app.post("/tenant/scans/{scan_id}/share")
async def create_link(scan_id: str, request: Request, authorization: str = Header("")):
    body = await request.json()
    parts = parse("cnt_k_", authorization.removeprefix("Bearer "))
    db = connection()
    key = parts and db.execute("SELECT secret_mac, tenant_id, id, role FROM api_keys WHERE public_id = ?", (parts[0],)).fetchone()
    if not key or not hmac.compare_digest(key[0], mac(parts[1])) or key[3] == "viewer":
        raise HTTPException(401)
    public_id, secret = ("".join(secrets.choice(BASE62) for _ in range(n)) for n in (10, 32))
    token = "cnt_s_" + public_id + secret
    token += base62(zlib.crc32(token.encode()), 6)
    now = int(time.time() * 1000)
    share_id = "share_" + uuid.uuid4().hex
    db.execute("BEGIN IMMEDIATE")
    scan = db.execute("SELECT status FROM scans WHERE id = ? AND tenant_id = ?", (scan_id, key[1])).fetchone()
    if not scan or scan[0] != "success":
        db.execute("ROLLBACK")
        raise HTTPException(404)
    db.execute(
        "INSERT INTO shares (public_id, id, tenant_id, scan_id, secret_mac, hint, scope, label, recipient, created_by, created_at, "
        "expires_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, '', ?, ?, ?)",
        (public_id, share_id, key[1], scan_id, mac(secret), token[-4:], body.get("scope", "passport"), body.get("label", ""),
         key[2], now, now + 168 * 3600 * 1000))
    db.execute(
        "INSERT INTO audit (id, tenant_id, at, actor, action, subject, request_id, detail) VALUES (?, ?, ?, ?, 'share.create', ?, "
        "'bench-request', '{}')", ("aud_" + uuid.uuid4().hex, key[1], now, key[2], share_id))
    db.execute("COMMIT")
    return JSONResponse({"status": "success", "id": share_id, "token": token, "url": "http://127.0.0.1/r/" + token,
                         "expiresAt": now + 168 * 3600 * 1000, "scope": "passport", "scanId": scan_id}, status_code=201)
