"""What one process tells the next about Spotify: logins, and apps whose quota is used up."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from dateutil.relativedelta import relativedelta
from filelock import FileLock, Timeout
from pydantic import AwareDatetime, BaseModel, RootModel, SecretStr, ValidationError, field_serializer

from spotify_assets.spotify.errors import SpotifyError

LOGIN_MONTHS = 6  # Spotify's limit; refreshing doesn't extend it
LOCK_SECONDS = 30


class AppState(BaseModel):
    """What is known of one app.

    Attributes:
        refresh_token: Of the user who logged in; empty where nobody did.
        authorized_at: When that was (UTC).
        blocked_until: The quota is used up until then (UTC).
        single_reads: Kinds (`tracks`, `albums`, `artists`) that it may not read in batches; never asked again.
    """

    refresh_token: SecretStr = SecretStr("")
    authorized_at: AwareDatetime | None = None
    blocked_until: AwareDatetime | None = None
    single_reads: set[str] = set()

    @field_serializer("refresh_token", when_used="json")
    def _plain(self, value: SecretStr) -> str:
        return value.get_secret_value()

    @field_serializer("single_reads", when_used="json")
    def _in_order(self, value: set[str]) -> list[str]:
        return sorted(value)


class _Document(RootModel[dict[str, AppState]]):
    root: dict[str, AppState] = {}


class SpotifyState:
    """A JSON file, for its owner alone, of what is known by client id.

    Each change reads the file, writes it anew beside and renames it, under a lock that other processes heed.

    Raises:
        SpotifyError: from every method, where the file can't be read or written.
    """

    def __init__(self, path: str) -> None:
        self._path = Path(path)

    def of(self, client_id: str) -> AppState:
        """What is known of an app."""
        return self._read().root.get(client_id) or AppState()

    def login_ends_at(self, client_id: str) -> datetime | None:
        """When the stored login ends (UTC); None where there is none."""
        known = self.of(client_id)
        if known.authorized_at is None or not known.refresh_token:
            return None
        return known.authorized_at.astimezone(UTC) + relativedelta(months=LOGIN_MONTHS)

    def keep_login(self, client_id: str, refresh_token: str) -> None:
        """A user has just logged in."""
        login = {"refresh_token": SecretStr(refresh_token), "authorized_at": datetime.now(UTC).replace(microsecond=0)}
        self._change(client_id, lambda known: known.model_copy(update=login))

    def replace_refresh_token(self, client_id: str, old: str, new: str) -> None:
        """Spotify gave another refresh token for a login, unless somebody has logged in anew since."""

        def replaced(known: AppState) -> AppState:
            if known.refresh_token.get_secret_value() != old:
                return known
            return known.model_copy(update={"refresh_token": SecretStr(new)})

        self._change(client_id, replaced)

    def block(self, client_id: str, until: datetime) -> None:
        """The app's quota is used up until then."""
        self._change(client_id, lambda known: known.model_copy(update={"blocked_until": until}))

    def read_singly(self, client_id: str, kind: str) -> None:
        """The app may not read this kind in batches."""
        self._change(client_id, lambda known: known.model_copy(update={"single_reads": known.single_reads | {kind}}))

    def _read(self) -> _Document:
        try:
            content = self._path.read_bytes()
        except FileNotFoundError:
            return _Document()
        except OSError as error:
            raise SpotifyError(f"{self._path} cannot be read: {error.strerror}") from None
        with suppress(ValidationError):  # it quotes what it found, which may be a token
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
        beside.unlink(missing_ok=True)  # of a process that was killed; it may have another mode
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(document.model_dump_json(indent=2, exclude_defaults=True) + "\n")
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self._path)
