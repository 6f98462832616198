"""State that processes share in a file: logins, and apps whose quota is used up."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from dateutil.relativedelta import relativedelta
from filelock import FileLock, Timeout
from pydantic import AwareDatetime, BaseModel, RootModel, SecretStr, ValidationError, field_serializer

from spotify_assets.spotify.errors import SpotifyError

LOGIN_MONTHS = 6  # Spotify's limit; refreshing doesn't extend it
LOCK_SECONDS = 30
CLOCK_STEP = timedelta(hours=1)  # by which a clock may be adjusted
LONGEST_BLOCK = 7 * 86_400  # seconds; a longer Retry-After is considered a mistake
REFUSED_DAYS = 7  # until a kind that an app may not read is requested again: its quota mode may change


class AppState(BaseModel):
    """State of one app.

    Attributes:
        refresh_token: The user's refresh token; empty without a login.
        authorized_at: Time of the login (UTC).
        blocked_until: Time until which the quota is used up (UTC).
        single_reads: Kinds (`tracks`, `albums`, `artists`) that it must read one by one; batches are not tried again.
        refused_until: Times (UTC) until which kinds (`audio_features`) are not requested, as it may not read them.
    """

    refresh_token: SecretStr = SecretStr("")
    authorized_at: AwareDatetime | None = None
    blocked_until: AwareDatetime | None = None
    single_reads: set[str] = set()
    refused_until: dict[str, AwareDatetime] = {}

    @field_serializer("refresh_token", when_used="json")
    def _plain(self, value: SecretStr) -> str:
        return value.get_secret_value()

    @field_serializer("single_reads", when_used="json")
    def _in_order(self, value: set[str]) -> list[str]:
        return sorted(value)


class _Document(RootModel[dict[str, AppState]]):
    root: dict[str, AppState] = {}


class SpotifyState:
    """A JSON file with the state of apps by client id, readable by its owner only.

    Changes are atomic, by renaming a new file, and serialized between processes by a lock file.

    Raises:
        SpotifyError: Raised by every method if the file can't be read or written.
    """

    def __init__(self, path: str) -> None:
        self._path = Path(path)

    def of(self, client_id: str) -> AppState:
        """The state of an app; empty for an unknown one.

        Without blocks that end later than any that begins now: a clock that was ahead stored them, and they would hold
        for years.
        """
        known = self._read().root.get(client_id) or AppState()
        latest = datetime.now(UTC) + max(timedelta(seconds=LONGEST_BLOCK), timedelta(days=REFUSED_DAYS)) + CLOCK_STEP
        is_blocked = known.blocked_until is not None and known.blocked_until <= latest
        return known.model_copy(
            update={
                "blocked_until": known.blocked_until if is_blocked else None,
                "refused_until": {kind: until for kind, until in known.refused_until.items() if until <= latest},
            }
        )

    def login_ends_at(self, client_id: str) -> datetime | None:
        """Expiry of the stored login (UTC); None without a login."""
        known = self.of(client_id)
        if known.authorized_at is None or not known.refresh_token:
            return None
        return known.authorized_at.astimezone(UTC) + relativedelta(months=LOGIN_MONTHS)

    def keep_login(self, client_id: str, refresh_token: str) -> None:
        """Store the refresh token of a new login."""
        login = {"refresh_token": SecretStr(refresh_token), "authorized_at": datetime.now(UTC).replace(microsecond=0)}
        self._change(client_id, lambda known: known.model_copy(update=login))

    def replace_refresh_token(self, client_id: str, old: str, new: str) -> None:
        """Store a rotated refresh token, unless another login has replaced `old` meanwhile."""

        def replaced(known: AppState) -> AppState:
            if known.refresh_token.get_secret_value() != old:
                return known
            return known.model_copy(update={"refresh_token": SecretStr(new)})

        self._change(client_id, replaced)

    def block(self, client_id: str, until: datetime) -> None:
        """Store that an app's quota is used up until a time (UTC)."""
        self._change(client_id, lambda known: known.model_copy(update={"blocked_until": until}))

    def add_single_reads(self, client_id: str, kind: str) -> None:
        """Store that an app must read a kind one by one."""
        self._change(client_id, lambda known: known.model_copy(update={"single_reads": known.single_reads | {kind}}))

    def refuse(self, client_id: str, kind: str, until: datetime) -> None:
        """Store that an app may not read a kind; it isn't requested until a time (UTC)."""
        self._change(
            client_id, lambda known: known.model_copy(update={"refused_until": known.refused_until | {kind: until}})
        )

    def _read(self) -> _Document:
        try:
            content = self._path.read_bytes()
        except FileNotFoundError:
            return _Document()
        except OSError as error:
            raise SpotifyError(f"{self._path} cannot be read: {error.strerror}") from None
        with suppress(ValidationError):  # its message may quote a token
            return _Document.model_validate_json(content)
        raise SpotifyError(f"{self._path} is damaged; delete it, and log in again with `spotify-assets login`")

    def _change(self, client_id: str, change: Callable[[AppState], AppState]) -> None:
        with self._locked():
            document = self._read()
            document.root[client_id] = change(document.root.get(client_id) or AppState())
            self._write(document)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(f"{self._path}.lock", timeout=LOCK_SECONDS):
                yield
        except Timeout:
            raise SpotifyError(f"{self._path}.lock has been held by another process for {LOCK_SECONDS} s") from None
        except OSError as error:
            raise SpotifyError(f"{self._path} cannot be written: {error.strerror}") from None

    def _write(self, document: _Document) -> None:
        beside = self._path.with_name(f".{self._path.name}.part")
        beside.unlink(missing_ok=True)  # left by a killed process, perhaps with another mode
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(document.model_dump_json(indent=2, exclude_defaults=True) + "\n")
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self._path)
