"""The shared counts have the contract's allowances, under the keys that the edge asks with."""

from codegen import shared_limits
from codegen.image import build_image
from services.chassis.rpc.contract import rate_limits, read_contract


def test_every_group_has_both_windows_for_people_and_for_addresses() -> None:
    services = read_contract(build_image(source_info=False))
    config = shared_limits.config(services)
    assert config["domain"] == "argosy"
    found = {
        (window["value"], group["value"], caller["key"]): caller
        for window in config["descriptors"]
        for group in window["descriptors"]
        for caller in group["descriptors"]
    }
    limits = rate_limits(services)
    assert len(found) == 2 * len(limits) * 2
    for limit in limits:
        for unit, calls in (("minute", limit.per_minute), ("hour", limit.per_hour)):
            allowance = {"unit": unit, "requests_per_unit": calls}
            assert found[unit, limit.group, "subject"]["rate_limit"] == allowance
            nobody = found[unit, limit.group, "signed_in"]
            assert nobody["value"] == "no"
            assert nobody["descriptors"] == [{"key": "masked_remote_address", "rate_limit": allowance}]
