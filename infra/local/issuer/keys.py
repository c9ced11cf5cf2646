"""The issuer's signing keys: made on first use, kept as files, never replaced, only added to.

Nothing about tokens or HTTP. Several processes may use one directory at the same time.
"""

import base64
import hashlib
import json
import os
import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Literal

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

Algorithm = Literal["RS256", "ES256"]
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

ALGORITHMS: Final[tuple[Algorithm, ...]] = ("RS256", "ES256")

_FILE_NAME: Final = re.compile(r"(?P<sequence>\d{4,})\.(?P<algorithm>RS256|ES256)\.pem")
_RSA_BITS: Final = 2048
# What a key's thumbprint covers (RFC 7638, section 3.2).
_THUMBPRINT_MEMBERS: Final = ("crv", "e", "kty", "n", "x", "y")

_GENERATORS: Final[Mapping[Algorithm, Callable[[], PrivateKey]]] = MappingProxyType(
    {
        "RS256": lambda: rsa.generate_private_key(public_exponent=65537, key_size=_RSA_BITS),
        "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
    }
)


@dataclass(frozen=True, slots=True)
class SigningKey:
    """One key pair; `jwk` is its public half as published, `kid` its RFC 7638 thumbprint."""

    algorithm: Algorithm
    sequence: int
    private_key: PrivateKey
    jwk: Mapping[str, str]

    @property
    def kid(self) -> str:
        """The name a token's header gives for this key."""
        return self.jwk["kid"]


class KeyRing:
    """The keys in a directory, read anew each time: another process may have rotated them."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def published(self) -> list[SigningKey]:
        """Return every key, oldest first, after making the first ones where there are none."""
        keys = list(self._stored())
        missing = [name for name in ALGORITHMS if name not in {key.algorithm for key in keys}]
        if not missing:
            return keys
        for algorithm in missing:
            self._store(algorithm, sequence=1)
        return list(self._stored())

    def current(self, algorithm: Algorithm) -> SigningKey:
        """Return the newest key of the algorithm: the one that signs."""
        return [key for key in self.published() if key.algorithm == algorithm][-1]

    def rotate(self) -> dict[Algorithm, SigningKey]:
        """Add a new key of each algorithm, which signs from now on; the old ones stay published."""
        last = max(key.sequence for key in self.published())
        for algorithm in ALGORITHMS:
            self._store(algorithm, last + 1)
        return {algorithm: self.current(algorithm) for algorithm in ALGORITHMS}

    def _stored(self) -> Iterator[SigningKey]:
        found = (_FILE_NAME.fullmatch(path.name) for path in sorted(self._directory.glob("*.pem")))
        for name in sorted(filter(None, found), key=lambda name: int(name["sequence"])):
            pem = (self._directory / name[0]).read_bytes()
            algorithm: Algorithm = "RS256" if name["algorithm"] == "RS256" else "ES256"
            yield _signing_key(algorithm, int(name["sequence"]), pem)

    def _store(self, algorithm: Algorithm, sequence: int) -> None:
        """Make a key and give it its name, unless another process was first: then its key stands.

        The file is complete before it has its name, so that no reader ever sees half a key.
        """
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        pem = _GENERATORS[algorithm]().private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        unfinished = self._directory / f".{secrets.token_hex(8)}.tmp"
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(pem)
            (self._directory / f"{sequence:04d}.{algorithm}.pem").hardlink_to(unfinished)
        except FileExistsError:
            return
        finally:
            unfinished.unlink()


def _signing_key(algorithm: Algorithm, sequence: int, pem: bytes) -> SigningKey:
    private_key = serialization.load_pem_private_key(pem, password=None)
    public: dict[str, Any]
    match private_key:
        case rsa.RSAPrivateKey():
            public = RSAAlgorithm.to_jwk(private_key.public_key(), as_dict=True)
        case ec.EllipticCurvePrivateKey():
            public = ECAlgorithm.to_jwk(private_key.public_key(), as_dict=True)
        case _:
            raise ValueError(f"key {sequence} is neither RSA nor EC")
    members: dict[str, str] = {name: public[name] for name in _THUMBPRINT_MEMBERS if name in public}
    canonical = json.dumps(members, sort_keys=True, separators=(",", ":")).encode()
    digest = base64.urlsafe_b64encode(hashlib.sha256(canonical).digest())
    kid = digest.rstrip(b"=").decode("ascii")
    jwk: dict[str, str] = {**members, "kid": kid, "use": "sig", "alg": algorithm}
    return SigningKey(algorithm, sequence, private_key, MappingProxyType(jwk))
