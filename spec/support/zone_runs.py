"""What the system's time zones do and what cron expressions do there, by brute force.

For each zone and each time its clocks changed: what they changed to, and when the expressions below run
around it, found by looking at each minute that the clocks could show. Time zones are Python's zoneinfo.
The expressions are told twice, as text for the other side and as sets for this one.

    expression INDEX TEXT
    zone NAME
    alias NAME OTHER                     whose file is the same as that of a zone before
    change INSTANT OFFSET-BEFORE OFFSET-AFTER ABBREVIATION-BEFORE ABBREVIATION-AFTER CASE
    runs CASE INDEX INSTANTS...          relative to the change, in the HOURS before and after it

Changes that are alike share a case, which is printed where it first occurs.
"""

import hashlib
import os
from datetime import datetime, timedelta, timezone
import zoneinfo

HOURS = 3
REACH = HOURS * 3600

# The end of what is in the files, and years that the rules in their last lines tell of.
PERIODS = ((2000, 2038), (2096, 2102))

ANY_HOUR = range(24)
ANY_DAY = range(1, 32)

# Text; hours, minutes, seconds, days of the month; whether it is an interval.
EXPRESSIONS = (
    ("*/15 * * * *", ANY_HOUR, range(0, 60, 15), [0], ANY_DAY, True),
    ("5 0-3 * * *", range(0, 4), [5], [0], ANY_DAY, True),
    ("20,40 1-2 * * ?", [1, 2], [20, 40], [0], ANY_DAY, True),
    ("0 0,30 22-2 * * *", [22, 23, 0, 1, 2], [0, 30], [0], ANY_DAY, True),
    ("*/20 30 1,2 * * *", [1, 2], [30], [0, 20, 40], ANY_DAY, True),
    ("30 1 * * *", [1], [30], [0], ANY_DAY, False),
    ("30 2 * * *", [2], [30], [0], ANY_DAY, False),
    ("0 0 * * *", [0], [0], [0], ANY_DAY, False),
    ("15 0 * * *", [0], [15], [0], ANY_DAY, False),
    ("10,50 23,1,2 * * *", [23, 1, 2], [10, 50], [0], ANY_DAY, False),
    ("59 59 23,1 * * *", [23, 1], [59], [59], ANY_DAY, False),
    ("0 12 30 * *", [12], [0], [0], [30], False),
)

# Others need not be looked at.
SOME_MINUTES = set().union(*(expression[2] for expression in EXPRESSIONS))

EPOCH = datetime(1970, 1, 1)
MINUTE = timedelta(minutes=1)
DAY = 86400


def seconds(duration):
    return duration.days * DAY + duration.seconds


def shown(zone, instant):
    """What the clocks of a zone are ahead by, and the abbreviation."""
    time = datetime.fromtimestamp(instant, zone)
    return seconds(time.utcoffset()), time.tzname()


def find_change(zone, early, late):
    """The instant at which what is shown changes, once between the two."""
    before = shown(zone, early)
    while late - early > 1:
        middle = (early + late) // 2
        if shown(zone, middle) == before:
            early = middle
        else:
            late = middle
    return late


def changes_of(zone):
    last = None
    for first_year, end_year in PERIODS:
        start, end = (int(datetime(year, 1, 1, tzinfo=timezone.utc).timestamp()) for year in (first_year, end_year))
        before = shown(zone, start)
        for instant in range(start + DAY, end, DAY):
            after = shown(zone, instant)
            if after != before:
                change = find_change(zone, instant - DAY, instant)
                # No other change is within reach, nor can one have been missed.
                assert last is None or change - last > 3 * DAY, (zone, change)
                yield change, before, after
                before, last = after, change


def local_minutes(zone, instant, before, after):
    """Each minute that clocks could show around a change and an expression may have: itself, and the
    instants, of which there are none, one or two."""
    local = EPOCH + timedelta(seconds=instant - REACH + min(before, after))
    end = EPOCH + timedelta(seconds=instant + REACH + max(before, after))
    local = local.replace(second=0) - MINUTE
    while local < end:
        local += MINUTE
        if local.minute not in SOME_MINUTES:
            continue
        time = seconds(local - EPOCH)
        aware = local.replace(tzinfo=zone)
        first = seconds(aware.utcoffset())
        second = seconds(aware.replace(fold=1).utcoffset())
        if first == second:
            yield local, (time - first,)
        elif first > second:
            yield local, (time - first, time - second)
        else:
            yield local, ()


def runs_of(minutes, instant, expression):
    _, hours, minutes_of_hour, seconds_of_minute, days, is_interval = expression
    runs = set()
    for local, instants in minutes:
        if local.hour in hours and local.minute in minutes_of_hour and local.day in days:
            if not instants:
                runs.add(instant)
            elif not is_interval:
                instants = instants[:1]
            for begin in instants:
                runs.update(begin + second for second in seconds_of_minute)
    return sorted(run - instant for run in runs if abs(run - instant) < REACH)


def content(name):
    """Something that tells zones with different files apart."""
    for folder in zoneinfo.TZPATH:
        path = os.path.join(folder, name)
        if os.path.isfile(path):
            with open(path, "rb") as file:
                return hashlib.sha256(file.read()).digest()
    return name


def main():
    cases, names = {}, {}

    def case_of(zone, instant, before, after):
        key = instant, before, after
        if key not in cases:
            cases[key] = len(cases)
            minutes = list(local_minutes(zone, instant, before, after))
            for index, expression in enumerate(EXPRESSIONS):
                print("runs", cases[key], index, *runs_of(minutes, instant, expression))
        return cases[key]

    for index, expression in enumerate(EXPRESSIONS):
        print("expression", index, expression[0])
    for name in sorted(zoneinfo.available_timezones()):
        first_name = names.setdefault(content(name), name)
        if first_name != name:
            print("alias", name, first_name)
            continue
        print("zone", name)
        zone = zoneinfo.ZoneInfo(name)
        for instant, (before, old), (after, new) in changes_of(zone):
            print("change", instant, before, after, old, new, case_of(zone, instant, before, after))


main()
