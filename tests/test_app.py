"""The composition root: what settings become."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from jinba_mcp import app as composition
from jinba_mcp.domain.errors import Invalid
from jinba_mcp.domain.limits import Quota
from jinba_mcp.outbound.mail import Security, SmtpSender
from jinba_mcp.settings import Settings


async def test_the_data_directory_is_private(tmp_path: Path) -> None:
    async with composition.opened(Settings(data_dir=tmp_path / "data")) as app:
        await app.store.upgrade()
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "data" / "jinba.db").stat().st_mode & 0o777 == 0o600


async def test_the_shipped_folders_are_found_and_may_be_replaced_or_left_out(tmp_path: Path) -> None:
    assert (composition.shipped_toolsets() / "greeting-tools" / "toolset.yml").is_file()
    assert composition.toolsets_roots(Settings(data_dir=tmp_path)) == (composition.shipped_toolsets(),)
    assert composition.toolsets_roots(Settings(toolsets_dirs=(tmp_path,))) == (tmp_path,)
    assert composition.toolsets_roots(Settings(load_toolsets=False)) == ()


async def test_mail_goes_through_the_server_of_the_settings() -> None:
    described = {
        "smtp_host": "mail.example.com",
        "smtp_security": "tls",
        "smtp_user": "jinba",
        "smtp_password": "secret",
    }
    admission = composition._admission(
        Settings.model_validate({**described, "public_url": "https://tools.example.com/"})
    )
    assert isinstance(admission.sender, SmtpSender)
    assert (admission.sender._server.host, admission.sender._server.security) == ("mail.example.com", Security.TLS)
    assert admission.base_url == "https://tools.example.com"
    assert "secret" not in repr(admission.sender._server)
    assert composition._admission(Settings()).sender is None


async def test_settings_of_limits_become_quotas_and_no_limit_is_none(tmp_path: Path) -> None:
    numbers = {"key_requests_per_minute": 5, "organization_runs_at_once": 6, "tool_runs_per_day": 7}
    async with composition.opened(Settings.model_validate({"data_dir": tmp_path, **numbers})) as app:
        quotas = app.core.limits.quotas
    assert quotas.key == Quota(per_minute=5)
    assert quotas.organization == Quota(at_once=6)
    assert quotas.tool == Quota(per_day=7)
    assert quotas.address == Quota(per_minute=600)


async def test_a_url_that_is_not_of_redis_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="JINBA_LIMITS_URL"):
        async with composition.opened(Settings(data_dir=tmp_path, limits_url=SecretStr("memcached://127.0.0.1"))):
            pass
