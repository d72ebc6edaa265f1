# Reads kosoku's reports and says whether each case ended as it must under its limits.
import json
import sys
from fnmatch import fnmatch
from pathlib import Path

# What kosoku 0.1.0 runs without compression. Fewer would mean that something did not run.
CASES = 301

# Autobahn's words for a case that passed. NON-STRICT: faulty UTF-8 in a fragmented text may be refused at the
# end of its message instead of at the faulty byte; we check whole messages.
PASSED = {"OK", "NON-STRICT", "INFORMATIONAL"}

# Cases whose message is above 64 KiB or in more than 64 fragments.
OVERSIZED = ["7.1.6", "9.1.[2-6]", "9.2.[2-6]", "9.3.*", "9.4.*", "9.5.*", "9.6.*"]
FRAME_TOO_LONG = 4109


def read(folder):
    reports = sorted(folder.glob("*_case_*.json"))
    return {report["id"]: report for report in (json.loads(path.read_text()) for path in reports)}


def passed(report):
    return report["behavior"] in PASSED and report["behaviorClose"] in PASSED


def refused(report):
    return report["remoteCloseCode"] == FRAME_TOO_LONG and not report["received"]


def under_production_limits(report):
    if any(fnmatch(report["id"], pattern) for pattern in OVERSIZED):
        return refused(report)
    return passed(report) and not refused(report)


def judge(title, reports, expected, verdict):
    failed = [report for report in reports.values() if not verdict(report)]
    for report in failed:
        print(f"  {report['id']}: {report['behavior']}, closed {report['remoteCloseCode']}: {report['result']}")
    missing = max(expected - len(reports), 0)
    if missing:
        print(f"  {missing} cases did not run")
    print(f"{title}: {len(reports)} cases, {len(failed) + missing} wrong")
    return len(reports) - len(failed), len(failed) + missing


def main(folder):
    production = read(folder / "production")
    outcomes = [
        judge("raised limits", read(folder / "raised"), CASES, passed),
        judge("production limits", production, CASES, under_production_limits),
        judge("and still there", read(folder / "afterwards"), 1, passed),
    ]
    print(f"  closed {FRAME_TOO_LONG}: {sum(map(refused, production.values()))} of {len(production)}")
    right, wrong = (sum(counts) for counts in zip(*outcomes))
    print(f"{right} passed, {wrong} failed")
    return 1 if wrong else 0


sys.exit(main(Path(sys.argv[1])))
