"""The local issuer: tokens made by its command are checked with the keys its server publishes."""

import json
import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest

from infra.local.gateway import running
from infra.local.issuer import IssuerConfig, KeyRing, TokenRequest, create_app, make_token
from infra.local.issuer import __main__ as issuer_command
from infra.local.issuer import token as token_command

pytestmark = pytest.mark.enable_socket

ISSUER = "http://issuer.localhost"
REQUIRED = ["iss", "sub", "sid", "iat", "nbf", "exp", "jti"]


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("local") / "issuer"


@pytest.fixture(scope="module")
def server(state: Path) -> Iterator[str]:
    with running(create_app(IssuerConfig(ISSUER, state))) as base_url:
        yield base_url


def printed_token(
    capsys: pytest.CaptureFixture[str], state: Path, *options: str, issuer: str = ISSUER
) -> str:
    assert token_command.main(["--issuer", issuer, "--state-dir", str(state), *options]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    assert printed.out.count("\n") == 1
    return printed.out.strip()


def verified(server: str, token: str, **expected: str) -> dict[str, Any]:
    key = jwt.PyJWKClient(f"{server}/.well-known/jwks.json").get_signing_key_from_jwt(token)
    claims: dict[str, Any] = jwt.decode(
        token,
        key,
        algorithms=["RS256", "ES256"],
        issuer=ISSUER,
        options={"require": REQUIRED},
        audience=expected.get("audience"),
    )
    return claims


@pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
def test_a_token_is_verified_by_the_published_keys(
    server: str, state: Path, capsys: pytest.CaptureFixture[str], algorithm: str
) -> None:
    token = printed_token(capsys, state, "--alg", algorithm)
    claims = verified(server, token)
    assert jwt.get_unverified_header(token)["alg"] == algorithm
    assert set(claims) == {*REQUIRED, "role"}
    assert claims["role"] == "admin"
    assert claims["sub"] == "user_local_admin"
    assert claims["exp"] - claims["iat"] == 3600
    assert claims["nbf"] == claims["iat"]


def test_the_claims_are_what_was_asked_for(
    server: str, state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--role", "member", "--audience", "api", "--azp", "web", "--ttl", "60")
    claims = verified(server, printed_token(capsys, state, *options), audience="api")
    assert (claims["role"], claims["sub"]) == ("member", "user_local_member")
    assert (claims["aud"], claims["azp"]) == ("api", "web")
    assert claims["exp"] - claims["iat"] == 60
    named = verified(server, printed_token(capsys, state, "--sub", "user_7", "--role", ""))
    assert named["sub"] == "user_7"
    assert "role" not in named


def test_no_two_tokens_are_the_same(
    server: str, state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = (verified(server, printed_token(capsys, state)) for _ in range(2))
    assert first["jti"] != second["jti"]
    assert first["sid"] != second["sid"]


@pytest.mark.parametrize("ttl", ["-60", "-1"])
def test_a_negative_time_to_live_makes_a_token_that_is_expired_and_nothing_worse(
    server: str, state: Path, capsys: pytest.CaptureFixture[str], ttl: str
) -> None:
    token = printed_token(capsys, state, "--ttl", ttl)
    with pytest.raises(jwt.ExpiredSignatureError):
        verified(server, token)
    claims = jwt.decode(token, options={"verify_signature": False})
    assert claims["nbf"] < claims["exp"]


def test_the_key_set_holds_public_keys_only(server: str) -> None:
    keys = httpx.get(f"{server}/.well-known/jwks.json").json()["keys"]
    assert {(key["kty"], key["alg"], key["use"]) for key in keys} == {
        ("RSA", "RS256", "sig"),
        ("EC", "ES256", "sig"),
    }
    private_members = {"d", "p", "q", "dp", "dq", "qi", "k"}
    for key in keys:
        assert key["kid"]
        assert not private_members & set(key)


def test_discovery_leads_to_the_key_set(server: str) -> None:
    document = httpx.get(f"{server}/.well-known/openid-configuration").json()
    assert document["issuer"] == ISSUER
    assert document["jwks_uri"] == f"{ISSUER}/.well-known/jwks.json"
    assert document["id_token_signing_alg_values_supported"] == ["RS256", "ES256"]


def test_it_says_that_it_is_up(server: str) -> None:
    assert httpx.get(f"{server}/healthz").json() == {"status": "ok"}


def test_after_a_rotation_new_tokens_use_the_new_key_and_old_ones_still_pass(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with running(create_app(IssuerConfig(ISSUER, tmp_path))) as server:
        old = printed_token(capsys, tmp_path)
        rotated = httpx.post(f"{server}/rotate")
        new = printed_token(capsys, tmp_path)
        verified(server, old)
        verified(server, new)
        published = httpx.get(f"{server}/.well-known/jwks.json").json()["keys"]
        assert httpx.get(f"{server}/rotate").status_code == 405
    assert rotated.status_code == 201
    kid = jwt.get_unverified_header(new)["kid"]
    assert kid == rotated.json()["RS256"]
    assert kid != jwt.get_unverified_header(old)["kid"]
    assert len(published) == 4


def test_the_ten_thousandth_rotation_still_signs(tmp_path: Path) -> None:
    keys = KeyRing(tmp_path)
    keys.published()
    for path in tmp_path.glob("*.pem"):
        path.rename(path.with_name(path.name.replace("0001", "9999")))
    newest = keys.rotate()["ES256"]
    assert newest.sequence == 10_000
    assert keys.current("ES256").kid == newest.kid


# The state directory.


def test_keys_survive_a_restart(tmp_path: Path) -> None:
    create_app(IssuerConfig(ISSUER, tmp_path))
    before = [key.kid for key in KeyRing(tmp_path).published()]
    create_app(IssuerConfig(ISSUER, tmp_path))
    assert [key.kid for key in KeyRing(tmp_path).published()] == before


def test_nobody_else_can_read_the_keys(tmp_path: Path) -> None:
    directory = tmp_path / "a" / "issuer"
    earlier = os.umask(0)
    try:
        KeyRing(directory).published()
    finally:
        os.umask(earlier)
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    modes = {stat.S_IMODE(path.stat().st_mode) for path in directory.iterdir()}
    assert modes == {0o600}


def test_a_first_use_by_many_at_once_agrees_on_one_key(tmp_path: Path) -> None:
    def kids(_: int) -> tuple[str, ...]:
        return tuple(key.kid for key in KeyRing(tmp_path).published())

    with ThreadPoolExecutor(8) as pool:
        seen = set(pool.map(kids, range(8)))
    assert len(seen) == 1
    assert len(list(tmp_path.iterdir())) == 2


def test_a_key_that_another_process_made_first_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = KeyRing(tmp_path)
    kids = [key.kid for key in keys.published()]
    keys._store("RS256", 1)
    assert [key.kid for key in keys.published()] == kids
    assert len(list(tmp_path.iterdir())) == 2


def test_files_that_are_no_keys_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.pem").write_text("not a key")
    assert len(KeyRing(tmp_path).published()) == 2


# The commands.


def test_the_issuer_s_url_comes_from_the_running_stack(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".local").mkdir()
    (tmp_path / ".local/endpoints.json").write_text(json.dumps({"issuer": "http://127.0.0.1:9"}))
    assert token_command.main([]) == 0
    token = capsys.readouterr().out.strip()
    assert jwt.decode(token, options={"verify_signature": False})["iss"] == "http://127.0.0.1:9"
    assert (tmp_path / ".local/issuer").is_dir()


@pytest.mark.parametrize("content", [None, "{", "[]", "{}", '{"issuer": ""}', '{"issuer": 1}'])
def test_without_a_running_stack_the_command_says_what_to_do(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    content: str | None,
) -> None:
    monkeypatch.chdir(tmp_path)
    if content is not None:
        (tmp_path / ".local").mkdir()
        (tmp_path / ".local/endpoints.json").write_text(content)
    assert token_command.main([]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert ".local/endpoints.json" in printed.err
    assert "--issuer" in printed.err
    assert not (tmp_path / ".local/issuer").exists()


def test_the_command_prints_a_token_and_nothing_else(state: Path, server: str) -> None:
    command = [sys.executable, "-m", "infra.local.issuer.token", "--issuer", ISSUER]
    done = subprocess.run(
        [*command, "--state-dir", str(state)], capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    assert verified(server, done.stdout.rstrip("\n"))["role"] == "admin"


def test_the_issuer_runs_until_it_is_interrupted(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "infra.local.issuer", "--port", str(port)]
    process = subprocess.Popen(
        [*command, "--state-dir", str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    try:
        transport = httpx.HTTPTransport(retries=5)
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", transport=transport) as client:
            discovery = client.get("/.well-known/openid-configuration").json()
    finally:
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=60)
    assert discovery["issuer"] == f"http://127.0.0.1:{port}"
    assert output == f"Issuer: http://127.0.0.1:{port}\n"
    assert process.returncode == 0


def test_an_issuer_whose_port_is_taken_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        arguments = ["--port", str(port), "--state-dir", str(tmp_path)]
        assert issuer_command.main(arguments) == 1
    assert f"Port {port} on 127.0.0.1 is in use" in capsys.readouterr().err


def test_a_request_for_a_token_has_the_command_s_defaults(tmp_path: Path) -> None:
    token = make_token(TokenRequest(issuer=ISSUER), KeyRing(tmp_path))
    claims = jwt.decode(token, options={"verify_signature": False})
    assert (claims["role"], claims["sub"]) == ("admin", "user_local_admin")
    assert jwt.get_unverified_header(token)["alg"] == "RS256"
