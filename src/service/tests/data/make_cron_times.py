#!/usr/bin/python3
"""Makes cron_times.txt: what croniter and Python's zoneinfo say of cron lines, for cron_test.cc.

Needs Debian's python3-croniter (1.3.5) and tzdata. Left out are lines whose day fields begin with * and have a
step, which croniter takes as restricted and crontab(5) does not, and those that list all seven weekdays, where it
is the other way round. Run: ./make_cron_times.py > cron_times.txt
"""
import datetime as dt
import random
import zoneinfo

from croniter import croniter

UTC = dt.timezone.utc
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "America/Santiago",
         "Africa/Casablanca", "Pacific/Apia", "Asia/Tehran", "Europe/Dublin", "America/St_Johns", "Pacific/Chatham"]
FIXED = ["0 0 * * *", "30 2 * * *", "30 1 * * *", "15 3 * * mon", "0 0 29 2 *", "0 12 1,15 * 5", "59 23 31 12 *",
         "5 4 * jan-mar,oct sun", "0 9-17 * * 1-5", "7 */6 * * *", "0 0 1-7 * 1", "20 0 31 * *", "0 6 * * 0,7",
         "10 2 * 3,10,11 *", "*/20 1-3 * * *", "0 3 13 * fri", "@daily", "@weekly", "@monthly", "@yearly", "@hourly"]


def field(rng, low, high, star=0.4):
    def one():
        a = rng.randint(low, high)
        kind = rng.random()
        if kind < 0.6:
            return str(a)
        b = rng.randint(a, high)
        if kind < 0.85 or b == a:
            return f"{a}-{b}" if b > a else str(a)
        return f"{a}-{b}/{rng.randint(1, max(1, (b - a)))}"
    if rng.random() < star:
        return "*"
    return ",".join(one() for _ in range(rng.randint(1, 3)))


def instant(local, zone):
    """PEP 495: a time in a gap comes when the gap ends, one that comes twice the first time."""
    aware = local.replace(tzinfo=zone, fold=0)
    back = aware.astimezone(UTC).astimezone(zone).replace(tzinfo=None)
    if back == local:
        return aware.astimezone(UTC)
    low = (local - dt.timedelta(days=2)).replace(tzinfo=zone).astimezone(UTC)
    high = (local + dt.timedelta(days=2)).replace(tzinfo=zone).astimezone(UTC)
    while high - low > dt.timedelta(seconds=1):  # the first instant whose wall time is past `local`
        middle = low + (high - low) // 2
        middle = middle.replace(microsecond=0)
        if middle.astimezone(zone).replace(tzinfo=None) > local:
            high = middle
        else:
            low = middle
    return high


def times(line, zone, start, count):
    begin = start.astimezone(zone).replace(tzinfo=None) - dt.timedelta(hours=30)
    walk = croniter(line, begin)
    out = []
    while len(out) < count:
        at = instant(walk.get_next(dt.datetime), zone)
        if at > start and (not out or at > out[-1]):
            out.append(at)
    return out


def main():
    rng = random.Random(20261124)
    rows = []
    # All in the past, which later editions of the tz database leave as it is; the rules of years to come change.
    starts = [dt.datetime(2014, 3, 29, 22, 10, tzinfo=UTC), dt.datetime(2015, 10, 24, 20, 0, tzinfo=UTC),
              dt.datetime(2017, 3, 11, 23, 59, tzinfo=UTC), dt.datetime(2017, 11, 5, 4, 45, tzinfo=UTC),
              dt.datetime(2011, 12, 29, 9, 30, tzinfo=UTC), dt.datetime(2018, 3, 31, 12, 0, tzinfo=UTC),
              dt.datetime(2016, 2, 7, 1, 30, tzinfo=UTC)]
    for line in FIXED:
        for zone in ZONES:
            rows.append((line, zone, rng.choice(starts)))
    while len(rows) < 600:
        line = " ".join([field(rng, 0, 59, 0.1), field(rng, 0, 23, 0.2), field(rng, 1, 28), field(rng, 1, 12, 0.6),
                         field(rng, 0, 7)])
        if not line.endswith("*") and croniter.expand(line)[0][4] == ["*"]:
            continue
        start = dt.datetime(2012, 1, 1, tzinfo=UTC) + dt.timedelta(minutes=rng.randrange(6 * 525600))
        rows.append((line, rng.choice(ZONES), rng.choice(starts) if rng.random() < 0.5 else start))
    print("# Made by make_cron_times.py; line | zone | after | the next times in UTC")
    for line, name, start in rows:
        found = times(line, zoneinfo.ZoneInfo(name), start, 5)
        text = " ".join(at.strftime("%Y-%m-%dT%H:%M:%SZ") for at in found if at.year < 2025)
        print(f"{line} | {name} | {start.strftime('%Y-%m-%dT%H:%M:%SZ')} | {text}")


main()
