{{%AUTOESCAPE context="HTML"}}<!DOCTYPE html>
<html lang="en">
<head>
<title>API documentation · Carnet</title>
{{>HEAD}}
</head>
<body class="page-docs">
<a class="skip" href="#main">Skip to the documentation</a>
{{>MASTHEAD}}
<div class="wrap docs">
<nav class="toc noprint" aria-label="On this page">
<ul>
<li><a href="#start">Getting started</a></li>
<li><a href="#auth">Authentication</a></li>
<li><a href="#rules">Rules that hold everywhere</a></li>
<li><a href="#operations">Operations</a></li>
<li><a href="#problems">Problems</a></li>
</ul>
</nav>
<main id="main">
<h1>API documentation</h1>
<p class="lead">Scan endpoints for quantum-readiness, and hand the result to an outsider by an expiring link. The machine-readable description is at <a href="/openapi.json">/openapi.json</a>.</p>

<section aria-labelledby="start">
<h2 id="start">Getting started</h2>
<p>With the address of this server in <code>BASE</code> and an API key in <code>KEY</code>: start a scan, read it until its <code>status</code> is <code>success</code>, share it.</p>
<pre tabindex="0" aria-label="Three curl commands"><code>curl "$BASE/pqc/scan" -H "Authorization: Bearer $KEY" --json '{"target":"example.org"}'
curl "$BASE/pqc/scan/$SCAN_ID" -H "Authorization: Bearer $KEY"
curl "$BASE/tenant/scans/$SCAN_ID/share" -H "Authorization: Bearer $KEY" \
  --json '{"scope":"passport"}'</code></pre>
<p>The last answer holds <code>url</code> and <code>token</code>, shown this once. Targets have to be authorised for your tenant before they are scanned; without one at hand, <code>{"scenarioId":"bank-tls-inventory","useFixture":true}</code> gives sample data.</p>
</section>

<section aria-labelledby="auth">
<h2 id="auth">Authentication</h2>
<p>Send your key in one of these ways:</p>
<ul>
<li><code>Authorization: Bearer KEY</code>: the usual way</li>
<li><code>x-api-key: KEY</code></li>
<li><code>?api_key=KEY</code>: a last resort, because addresses end up in histories; the answer carries a <code>Warning</code></li>
</ul>
<p>A viewer reads, an operator also writes, an admin also administers the tenant. Routes under <code>/admin</code> take the platform’s own key. A share link under <code>/r/</code> needs no key.</p>
</section>

<section aria-labelledby="rules">
<h2 id="rules">Rules that hold everywhere</h2>
<ul>
<li>Bodies are JSON in UTF-8. Unknown members are refused, and a 422 names every bad field.</li>
<li>Every answer has <code>X-Request-Id</code>. Quote it when you ask for help.</li>
<li><code>Idempotency-Key</code> on a POST that creates makes a retry return the first answer for 24 hours.</li>
<li>Lists take <code>limit</code> and <code>cursor</code>, and answer with <code>nextCursor</code> and <code>hasMore</code>.</li>
<li>Reads carry an <code>ETag</code>; send it back as <code>If-None-Match</code> for a 304.</li>
<li>A 429 or 503 has <code>Retry-After</code>. Wait that long, then try again.</li>
<li>Times are RFC 3339 in UTC. Every route also answers under <code>/v1</code>.</li>
</ul>
</section>

<section aria-labelledby="operations">
<h2 id="operations">Operations</h2>
{{#GROUP}}
<h3 id="group-{{TOKEN}}">{{TITLE}}</h3>
<table class="routes" aria-labelledby="group-{{TOKEN}}">
<thead><tr><th scope="col">Operation</th><th scope="col">What it does</th><th scope="col">Role</th></tr></thead>
<tbody>
{{#ROUTE}}
<tr id="op-{{OPERATION}}"><th scope="row"><code><span class="verb">{{METHOD}}</span> {{PATH}}</code></th><td data-l="What it does">{{SUMMARY}}</td><td data-l="Role">{{ROLE}}</td></tr>
{{/ROUTE}}
</tbody>
</table>
{{/GROUP}}
</section>

<section aria-labelledby="problems">
<h2 id="problems">Problems</h2>
<p>Errors are <code>application/problem+json</code> (RFC 9457). <code>code</code> is stable and meant for programs, <code>detail</code> is one sentence for people, and <code>type</code> leads to the entry below.</p>
<dl class="problems">
{{#PROBLEM}}
<div id="problem-{{CODE}}"><dt><code>{{CODE}}</code> <span class="quiet">{{STATUS}} {{TITLE}}</span></dt><dd>{{MEANING}}</dd></div>
{{/PROBLEM}}
</dl>
</section>
</main>
</div>
{{>FOOTER}}
</body>
</html>
