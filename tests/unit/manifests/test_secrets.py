"""The overlay dev finds every secret that it asks for."""

from pathlib import Path

from local import credentials
from manifests import secrets, setup
from manifests.builds import all_builds, manifests

GIVEN = {"STRIPE_API_KEY": "sk_test_1", "STRIPE_WEBHOOK_SECRET": "whsec_1", "SMTP_URL": "smtps://mail:465"}


def test_every_secret_that_dev_asks_for_is_made(tmp_path: Path) -> None:
    assert setup.main() == 0
    made = secrets.secrets(credentials.ensure(tmp_path), GIVEN, tmp_path)
    asked: set[tuple[str, str]] = set()
    for one in manifests(all_builds()["k8s/overlays/dev"]):
        if one["kind"] == "ExternalSecret" and one["spec"]["secretStoreRef"]["name"] == "argosy":
            asked |= {
                (entry["remoteRef"]["key"], entry["remoteRef"]["property"]) for entry in one["spec"].get("data", [])
            }
            assert all(made[entry["extract"]["key"]] for entry in one["spec"].get("dataFrom", []))
    assert asked
    assert {(key, name) for key, name in asked if not made.get(key, {}).get(name)} == set()
    # Made once: a second time they are the same.
    assert secrets.secrets(credentials.ensure(tmp_path), GIVEN, tmp_path) == made
