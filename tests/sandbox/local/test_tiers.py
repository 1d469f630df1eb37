"""Which tier is announced, refused and taken, from what was found."""

import pytest

from jinba_mcp.domain.isolation import Level
from jinba_mcp.sandbox.local import tiers
from jinba_mcp.sandbox.local.tiers import Host, Least, Tier, Wanted

ROOT = Host(system="Linux", is_root=True, landlock_abi=7, has_bwrap=True)
USER = ROOT.model_copy(update={"is_root": False})
CONTAINER = ROOT.model_copy(update={"is_container": True, "is_filtered": True})
ALL_WORK = dict.fromkeys(tiers.BEST_FIRST)


def failing(*tiers_: Tier) -> dict[Tier, str | None]:
    return {tier: "it did not hold" if tier in tiers_ else None for tier in tiers.BEST_FIRST}


def test_the_best_tier_that_works_is_taken() -> None:
    assert tiers.choice("auto", None, ALL_WORK, ROOT).tier is Tier.NAMESPACES
    assert tiers.choice("auto", None, failing(Tier.NAMESPACES), USER).tier is Tier.BWRAP
    found = tiers.choice("auto", None, failing(Tier.NAMESPACES, Tier.BWRAP), ROOT)
    assert (found.tier, found.isolation.level, found.problem) == (Tier.LANDLOCK, Level.CONTAINED, None)
    assert set(found.rejected) == {Tier.NAMESPACES, Tier.BWRAP}


@pytest.mark.parametrize("wanted", ["namespaces", "bwrap", "landlock", "wasm"])
def test_a_tier_that_was_asked_for_is_never_replaced_by_another(wanted: Wanted) -> None:
    assert tiers.candidates(wanted) == (Tier(wanted),)
    found = tiers.choice(wanted, None, {Tier(wanted): "it did not hold"}, ROOT)
    assert found.tier is Tier.NONE
    assert found.problem is not None
    assert found.problem.startswith(f"JINBA_SANDBOX={wanted} does not work here: {wanted}: it did not hold (")


def test_a_tier_that_was_not_tried_is_not_taken() -> None:
    assert tiers.choice("auto", None, {Tier.NAMESPACES: "no"}, ROOT).problem is not None


def test_where_nothing_works_every_reason_is_given() -> None:
    found = tiers.choice("auto", None, failing(*tiers.BEST_FIRST), CONTAINER)
    assert found.isolation.level is Level.NONE
    for part in ("no sandbox works here", "namespaces: it did not hold", "seccomp=unconfined", "jinba-mcp[wasm]"):
        assert part in str(found.problem)


@pytest.mark.parametrize(
    ("least", "tier"), [("strong", Tier.NAMESPACES), ("contained", Tier.LANDLOCK), ("wasm", Tier.WASM)]
)
def test_what_meets_the_least_level_is_taken(least: Least, tier: Tier) -> None:
    better = tiers.BEST_FIRST[: tiers.BEST_FIRST.index(tier)]
    assert tiers.choice("auto", least, failing(*better), ROOT).tier is tier


def test_what_falls_short_of_the_least_level_is_refused_with_the_way_out() -> None:
    found = tiers.choice("auto", "strong", failing(Tier.NAMESPACES, Tier.BWRAP), CONTAINER)
    assert (found.tier, found.isolation.level) == (Tier.NONE, Level.NONE)
    assert "only `contained` here, and JINBA_SANDBOX_MIN asks for `strong`: namespaces: " in str(found.problem)
    assert "systempaths=unconfined" in str(found.problem)


def test_a_weak_tier_that_was_asked_for_contradicts_a_higher_least_level() -> None:
    found = tiers.choice("landlock", "strong", {Tier.LANDLOCK: None}, ROOT)
    assert str(found.problem).endswith("JINBA_SANDBOX=landlock allows nothing better")


def test_no_sandbox_at_all_must_be_asked_for() -> None:
    found = tiers.choice("unsafe", None, {}, ROOT)
    assert (found.tier, found.problem, found.isolation.weaker) == (Tier.NONE, None, ("everything",))
    assert tiers.candidates("unsafe") == ()
    assert "contradicts JINBA_SANDBOX_MIN=wasm" in str(tiers.choice("unsafe", "wasm", {}, ROOT).problem)


def test_each_tier_is_announced_with_its_weaknesses() -> None:
    assert tiers.isolation(Tier.NAMESPACES, USER).weaker == ()
    assert tiers.isolation(Tier.NAMESPACES, USER).level is Level.STRONG
    root, user = (tiers.isolation(Tier.LANDLOCK, host) for host in (ROOT, USER))
    assert set(user.weaker) - set(root.weaker) == {"same-user", "process-count"}
    brokered = tiers.isolation(Tier.LANDLOCK, ROOT.model_copy(update={"has_broker": True}))
    assert set(root.weaker) - set(brokered.weaker) == {"network"}
    old = ROOT.model_copy(update={"landlock_abi": 2})
    assert set(tiers.isolation(Tier.LANDLOCK, old).weaker) - set(root.weaker) == {"scopes"}


def test_each_weakness_is_explained() -> None:
    old_user = USER.model_copy(update={"landlock_abi": 1})
    words = {word for tier in Tier for word in tiers.isolation(tier, old_user).weaker}
    assert words == set(tiers.WEAKNESSES)


@pytest.mark.parametrize(
    ("tier", "changes", "reason"),
    [
        (Tier.NAMESPACES, {"system": "Darwin"}, "Darwin has none"),
        (Tier.BWRAP, {"has_bwrap": False, "is_root": False}, "no program `bwrap`"),
        (Tier.BWRAP, {}, "nothing that root cannot"),
        (Tier.BWRAP, {"is_root": False}, None),
        (Tier.LANDLOCK, {"closed_python": "/root"}, "may not look into /root, where Python is"),
        (Tier.LANDLOCK, {"closed_python": "/root", "is_root": False}, None),
        (Tier.LANDLOCK, {"landlock_abi": 0}, "no Landlock"),
        (Tier.LANDLOCK, {"landlock_abi": 2, "is_root": False}, "ABI 2 lets a tool empty files"),
        (Tier.LANDLOCK, {"landlock_abi": 2}, None),
        (Tier.NAMESPACES, {}, None),
        (Tier.WASM, {"system": "Darwin"}, None),
    ],
)
def test_what_cannot_work_need_not_be_tried(tier: Tier, changes: dict[str, object], reason: str | None) -> None:
    found = tiers.obstacle(tier, ROOT.model_copy(update=changes))
    assert found is None if reason is None else reason in str(found)


@pytest.mark.parametrize(
    ("tier", "changes", "advice"),
    [
        (Tier.NAMESPACES, {"sysctl": {"user.max_user_namespaces": "0"}}, "user.max_user_namespaces=10000"),
        (Tier.NAMESPACES, {"sysctl": {"kernel.unprivileged_userns_clone": "0"}}, "unprivileged_userns_clone=1"),
        (Tier.NAMESPACES, {"sysctl": {tiers.SYSCTLS[2]: "1"}}, "bwrap-userns-restrict"),
        (Tier.BWRAP, {"sysctl": {tiers.SYSCTLS[2]: "1"}}, "bwrap-userns-restrict"),
        (Tier.NAMESPACES, {"is_container": True}, "--security-opt seccomp=unconfined"),
        (Tier.NAMESPACES, {"is_filtered": True}, "RestrictNamespaces=no"),
        (Tier.NAMESPACES, {}, "unshare -Urmpn true"),
        (Tier.BWRAP, {"has_bwrap": False}, "package bubblewrap"),
        (Tier.BWRAP, {"is_root": True}, "as an ordinary user"),
        (Tier.LANDLOCK, {"landlock_abi": 0}, "Linux 5.13"),
        (Tier.LANDLOCK, {"is_root": True, "closed_python": "/root"}, "a Python that any user may start"),
        (Tier.LANDLOCK, {"landlock_abi": 2}, "Linux 6.2"),
        (Tier.WASM, {}, "jinba-mcp[wasm]"),
        (Tier.LANDLOCK, {"system": "Darwin"}, "on Linux"),
    ],
)
def test_what_would_change_it_is_named(tier: Tier, changes: dict[str, object], advice: str) -> None:
    assert advice in tiers.remedy(tier, USER.model_copy(update=changes))


def test_root_is_not_told_of_what_only_hinders_ordinary_users() -> None:
    hindered = {"kernel.unprivileged_userns_clone": "0", tiers.SYSCTLS[2]: "1"}
    assert "sysctl" not in tiers.remedy(Tier.NAMESPACES, ROOT.model_copy(update={"sysctl": hindered}))
