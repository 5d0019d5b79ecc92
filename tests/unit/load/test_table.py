"""The table of what ghz measured."""

from load.table import row

_MS = 1_000_000
REPORT = {
    "options": {"call": "argosy.user.v1.UserService.Login", "concurrency": 4},
    "count": 100,
    "total": 2_000 * _MS,
    "average": 20 * _MS,
    "latencyDistribution": [{"percentage": 50, "latency": 18 * _MS}, {"percentage": 95, "latency": 31.25 * _MS}],
    "statusCodeDistribution": {"OK": 90, "ResourceExhausted": 10},
}


def test_a_refused_call_is_an_error_and_counts_for_no_rate() -> None:
    assert row(REPORT) == ["Login", "100", "4", "45.0", "20.0", "18.0", "31.2", "10"]


def test_a_burst_without_answers_has_no_percentiles() -> None:
    away = {**REPORT, "latencyDistribution": None, "statusCodeDistribution": {"Unavailable": 100}}
    assert row(away) == ["Login", "100", "4", "0.0", "20.0", "", "", "100"]
