"""One app at Spotify: its token, its quota, and a call that is made until it succeeds or can't."""

import copy
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Any

from pydantic import SecretStr

from spotify_assets.settings import variable
from spotify_assets.spotify.budget import Terms
from spotify_assets.spotify.errors import (
    LOGIN,
    CredentialsError,
    LoginNeededError,
    NotFoundError,
    QuotaExhaustedError,
    RefusedError,
    SpotifyError,
)
from spotify_assets.spotify.failures import Failure, PausedError, StoppedError, log, retry_call
from spotify_assets.spotify.state import SpotifyState
from spotify_assets.spotify.transport import Transport

LONGEST_PAUSE = 60  # seconds; told to wait longer, the app is left alone instead
UNKNOWN_PAUSE = 30  # seconds, where none are told: Spotify counts calls over as many
UNKNOWN_BLOCK = 3600  # seconds, for a quota of which nothing more is told
LONGEST_BLOCK = 7 * 86_400  # seconds; more than that is taken for a mistake
EXPIRY_MARGIN = 60  # seconds before its end at which a token is replaced


@dataclass(frozen=True, repr=False)
class _Token:
    """An access token.

    Attributes:
        is_users: It speaks for a user, and not for the app alone.
        ends_at: When it is replaced (seconds of the monotonic clock).
    """

    value: str
    is_users: bool
    ends_at: float

    def serves(self, user: bool) -> bool:
        return time.monotonic() < self.ends_at and (self.is_users or not user)


class App:
    """An app, by its client id; threads may share it.

    Args:
        given_token: Refresh token from the settings, which goes before the one in the state file.
    """

    def __init__(
        self, client_id: str, secret: SecretStr, given_token: SecretStr, state: SpotifyState, transport: Transport
    ) -> None:
        self.client_id = client_id
        self._secret = secret
        self._given_token = given_token
        self._state = state
        self._transport = transport
        known = state.of(client_id)
        self.blocked_until = known.blocked_until
        self._paused_until = 0.0  # of the monotonic clock
        self._single_reads = dict.fromkeys(known.single_reads, True)
        self._remembered = set(known.single_reads)
        self._lock = Lock()
        self._renewing = Lock()
        self._token: _Token | None = None
        self._renewals = 0  # that have ended
        self._failed_renewal: SpotifyError | None = None

    def __repr__(self) -> str:
        return f"App({self.client_id!r})"

    @property
    def is_blocked(self) -> bool:
        """Whether its quota is used up."""
        return self.blocked_until is not None and self.blocked_until > datetime.now(UTC)

    @property
    def pause_left(self) -> float:
        """Seconds that it was told to wait, and has not yet."""
        return max(0.0, self._paused_until - time.monotonic())

    def has_login(self) -> bool:
        """Whether a user has logged in to it."""
        return bool(self._refresh_token().get_secret_value())

    def call(self, endpoint: Callable[[Any], Any], terms: Terms) -> dict[str, Any]:
        """What an endpoint answers, on behalf of the user where one has logged in.

        Args:
            endpoint: Makes the call, given spotipy's client.
            terms: What it may cost, and who else may make it.

        Raises:
            PausedError: where another app may be asked sooner.
            SpotifyError: in all its kinds; after `QuotaExhaustedError` the app is blocked.
        """
        sent: list[_Token] = []

        def attempt() -> dict[str, Any] | Failure:
            self._wait_out_pause(terms)
            sent.append(self._valid_token(terms))
            return self._transport.get(endpoint, sent[-1].value, terms.budget)

        outcome = retry_call(attempt, self._heed, terms.stop)
        if isinstance(outcome, Failure) and outcome.status == 401:
            self._refuse(sent[-1])
            outcome = retry_call(attempt, self._heed, terms.stop)
        if not isinstance(outcome, Failure):
            return outcome
        raise _error(outcome, sent[-1])

    def reads_singly(self, kind: str) -> bool | None:
        """Whether this kind may not be read in batches; None where that is not known yet."""
        return self._single_reads.get(kind)

    def learn(self, kind: str, reads_singly: bool) -> None:
        """A batch was refused, or was not."""
        if reads_singly and not self._single_reads.get(kind):
            log.info("%s: batches of %s are refused, reading them one by one", self, kind)
        self._single_reads[kind] = reads_singly

    def remember_single_reads(self, kind: str) -> None:
        """After a refused batch a single read succeeded: it was the batch, and not the app, that was refused."""
        if kind not in self._remembered and self._single_reads.get(kind):
            with self._lock:
                if kind not in self._remembered:
                    self._remembered.add(kind)
                    self._state.read_singly(self.client_id, kind)

    def _wait_out_pause(self, terms: Terms) -> None:
        while left := self.pause_left:
            if any(not app.is_blocked and app.pause_left < left for app in terms.apps if app is not self):
                raise PausedError(f"{self}: told to wait; another app may be asked sooner")
            if terms.stop.wait(left):
                raise StoppedError("nobody waits for the answer any more")

    def _heed(self, failure: Failure) -> None:
        """Pause all threads for a little while, or block the app for a longer one."""
        quota = failure.reason == "QUOTA_EXCEEDED"
        seconds = failure.retry_after
        if seconds is None:
            seconds = UNKNOWN_BLOCK if quota else UNKNOWN_PAUSE
        if quota or seconds > LONGEST_PAUSE:
            self._block(min(seconds, LONGEST_BLOCK))
        paused_until = time.monotonic() + seconds
        with self._lock:
            news = self._paused_until < time.monotonic()
            self._paused_until = max(self._paused_until, paused_until)
        if news:
            log.info("%s: told to wait %s s", self, seconds)

    def _block(self, seconds: int) -> None:
        until = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=seconds + 1)
        with self._lock:
            # Calls in flight are all told so; one of them is enough to remember it.
            known = self.blocked_until if self.is_blocked else None
            news = known is None or until - known > timedelta(seconds=LONGEST_PAUSE)
            if news:
                self.blocked_until = until
        if news:
            log.warning("%s: its quota is used up until %s UTC", self, f"{until:%Y-%m-%d %H:%M:%S}")
            self._state.block(self.client_id, until)
        raise QuotaExhaustedError(self.blocked_until or until)

    def _refresh_token(self) -> SecretStr:
        return self._given_token or self._state.of(self.client_id).refresh_token

    def _refuse(self, token: _Token) -> None:
        """The token was refused; nothing is lost where another thread has replaced it since."""
        with self._renewing:
            if self._token is token:
                self._token = None

    def _valid_token(self, terms: Terms) -> _Token:
        """An access token. Of threads that want one at once, one asks for it, and all have what comes of it."""
        if (token := self._token) and token.serves(terms.user):
            return token
        if terms.user and not self.has_login():
            raise LoginNeededError(f"this needs a user's login at Spotify: {LOGIN}")
        seen = self._renewals
        with self._renewing:
            if (token := self._token) and token.serves(terms.user):
                return token
            if self._renewals != seen and self._failed_renewal:
                raise copy.copy(self._failed_renewal)
            self._failed_renewal = None
            try:
                self._token = token = self._renewed(terms)
            except SpotifyError as error:
                self._failed_renewal = None if isinstance(error, StoppedError) else error
                raise
            finally:
                self._renewals += 1
            return token

    def _renewed(self, terms: Terms) -> _Token:
        refresh_token = self._refresh_token().get_secret_value()
        asked_at = time.monotonic()
        outcome = self._ask_for_token(refresh_token, terms)
        if isinstance(outcome, Failure) and outcome.reason == "invalid_grant":
            # Another process may have logged in, or been given another token, meanwhile.
            latest = self._refresh_token().get_secret_value()
            if latest != refresh_token:
                refresh_token = latest
                outcome = self._ask_for_token(refresh_token, terms)
        if isinstance(outcome, Failure):
            raise self._token_error(outcome)
        replaced = outcome.get("refresh_token")
        if refresh_token and replaced and replaced != refresh_token:
            if self._given_token:
                self._given_token = SecretStr(replaced)
            else:
                self._state.replace_refresh_token(self.client_id, refresh_token, replaced)
        lifetime = float(outcome["expires_in"])
        return _Token(
            outcome["access_token"], bool(refresh_token), asked_at + max(lifetime - EXPIRY_MARGIN, lifetime / 2)
        )

    def _ask_for_token(self, refresh_token: str, terms: Terms) -> dict[str, Any] | Failure:
        secret = self._secret.get_secret_value()

        def ask() -> dict[str, Any] | Failure:
            self._wait_out_pause(terms)
            if refresh_token:
                return self._transport.user_token(self.client_id, secret, refresh_token)
            return self._transport.app_token(self.client_id, secret)

        return retry_call(ask, self._heed, terms.stop)

    def _token_error(self, failure: Failure) -> SpotifyError:
        if failure.reason == "invalid_client":
            return CredentialsError.unknown(self.client_id)
        if failure.reason == "invalid_grant":
            given = f"{variable('refresh_token')} holds an old one: unset it and " if self._given_token else ""
            return LoginNeededError(f"the login at Spotify has ended, as it does after six months: {given}{LOGIN}")
        return RefusedError(f"Spotify gives no token ({failure.status}): {failure.message}")


def _error(failure: Failure, token: _Token) -> SpotifyError:
    if failure.status in (400, 404):
        return NotFoundError(f"Spotify knows no such thing, or does not show it to apps ({failure.message})")
    if failure.status == 401 and not token.is_users:
        return LoginNeededError(f"Spotify shows this only to a user who has logged in: {LOGIN}")
    return RefusedError(f"Spotify refuses this ({failure.status}): {failure.message}")
