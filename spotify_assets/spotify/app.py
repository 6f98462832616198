"""One app at Spotify: access token, quota, and calls with retries."""

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
    MalformedIdError,
    NotFoundError,
    QuotaExhaustedError,
    RefusedError,
    SpotifyError,
)
from spotify_assets.spotify.failures import Failure, PausedError, StoppedError, log, retry_call
from spotify_assets.spotify.state import LONGEST_BLOCK, REFUSED_DAYS, SpotifyState
from spotify_assets.spotify.transport import Transport

LONGEST_PAUSE = 60  # seconds; an app with a longer Retry-After is blocked instead of waiting
UNKNOWN_PAUSE = 30  # seconds, without a Retry-After: Spotify's rate limit has a window of 30 s
UNKNOWN_BLOCK = 3600  # seconds, for an exhausted quota without a Retry-After
EXPIRY_MARGIN = 60  # seconds before its expiry at which a token is renewed


@dataclass(frozen=True, repr=False)
class _Token:
    """An access token.

    Attributes:
        is_users: Whether it is a user's token rather than the app's.
        ends_at: When it must be renewed (seconds of the monotonic clock).
    """

    value: str
    is_users: bool
    ends_at: float

    def serves(self, user: bool) -> bool:
        return time.monotonic() < self.ends_at and (self.is_users or not user)


class App:
    """An app at Spotify. Thread-safe.

    Args:
        client_id: The app's client id.
        secret: The app's client secret.
        given_token: Refresh token from the settings; preferred to the one in the state file.
        state: Stored state of all apps.
        transport: Connections to Spotify.
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
        self._refused_until = dict(known.refused_until)
        self._lock = Lock()
        self._renewing = Lock()
        self._token: _Token | None = None
        self._renewals = 0  # renewals finished so far
        self._failed_renewal: SpotifyError | None = None

    def __repr__(self) -> str:
        return f"App({self.client_id!r})"

    @property
    def is_blocked(self) -> bool:
        """Whether its quota is used up."""
        return self.blocked_until is not None and self.blocked_until > datetime.now(UTC)

    @property
    def pause_left(self) -> float:
        """Seconds until the end of the last Retry-After."""
        return max(0.0, self._paused_until - time.monotonic())

    def has_login(self) -> bool:
        """Whether there is a refresh token of a user for this app."""
        return bool(self._refresh_token().get_secret_value())

    def call(self, endpoint: Callable[[Any], Any], terms: Terms) -> dict[str, Any]:
        """Call an endpoint with retries, as the user if one has logged in.

        Args:
            endpoint: Makes the call with a spotipy client.
            terms: Budget, stop event and the apps to choose from.

        Raises:
            PausedError: This app must wait, and another one may be called sooner.
            SpotifyError: The call failed; after a `QuotaExhaustedError` the app is blocked.
        """
        sent: list[_Token] = []

        def attempt() -> dict[str, Any] | Failure:
            self._wait_out_pause(terms)
            sent.append(self._valid_token(terms))
            return self._transport.get(endpoint, sent[-1].value, terms.budget)

        outcome = retry_call(attempt, self._handle_limit, terms.stop)
        if isinstance(outcome, Failure) and outcome.status == 401:
            self._discard_token(sent[-1])
            outcome = retry_call(attempt, self._handle_limit, terms.stop)
        if not isinstance(outcome, Failure):
            return outcome
        error = _call_error(outcome, sent[-1])
        error.concerns_endpoint = outcome.concerns_endpoint
        raise error

    def reads_singly(self, kind: str) -> bool | None:
        """Whether objects of a kind must be read one by one; None if that is not known yet."""
        return self._single_reads.get(kind)

    def learn(self, kind: str, reads_singly: bool) -> None:
        """Record whether a batch of a kind was refused."""
        if reads_singly and not self._single_reads.get(kind):
            log.info("%s: batches of %s are refused, reading them one by one", self, kind)
        self._single_reads[kind] = reads_singly

    def remember_single_reads(self, kind: str) -> None:
        """Store that a kind must be read one by one, after a single read has succeeded.

        A refused batch alone is no proof: Spotify may refuse the app itself.
        """
        if kind not in self._remembered and self._single_reads.get(kind):
            with self._lock:
                if kind not in self._remembered:
                    self._remembered.add(kind)
                    self._state.add_single_reads(self.client_id, kind)

    def may_read(self, kind: str) -> bool:
        """Whether objects of a kind may be requested: Spotify didn't refuse them in the last days."""
        until = self._refused_until.get(kind)
        return until is None or until <= datetime.now(UTC)

    def refuse(self, kind: str) -> None:
        """Store that Spotify refuses a kind to this app, so that it isn't requested for `REFUSED_DAYS`."""
        if self.may_read(kind):
            until = datetime.now(UTC).replace(microsecond=0) + timedelta(days=REFUSED_DAYS)
            self._refused_until[kind] = until
            log.info("%s: may not read %s, which are requested again after %s UTC", self, kind, f"{until:%Y-%m-%d}")
            self._state.refuse(self.client_id, kind, until)

    def _wait_out_pause(self, terms: Terms) -> None:
        while left := self.pause_left:
            if any(not app.is_blocked and app.pause_left < left for app in terms.apps if app is not self):
                raise PausedError(f"{self} must wait; another app may be called sooner")
            if terms.stop.wait(left):
                raise StoppedError("the call was cancelled")

    def _handle_limit(self, failure: Failure) -> None:
        """Pause all threads for a Retry-After of up to `LONGEST_PAUSE`; else block the app.

        Raises:
            QuotaExhaustedError: The app was blocked.
        """
        quota = failure.reason == "QUOTA_EXCEEDED"
        seconds = failure.retry_after
        if seconds is None:
            seconds = UNKNOWN_BLOCK if quota else UNKNOWN_PAUSE
        if quota or seconds > LONGEST_PAUSE:
            self._block(min(seconds, LONGEST_BLOCK))
        paused_until = time.monotonic() + seconds
        with self._lock:
            is_new = self._paused_until < time.monotonic()
            self._paused_until = max(self._paused_until, paused_until)
        if is_new:
            log.info("%s: rate limited, waiting %s s", self, seconds)

    def _block(self, seconds: int) -> None:
        until = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=seconds + 1)
        with self._lock:
            # All calls in flight get the same answer: only the first one is stored and logged.
            known = self.blocked_until if self.is_blocked else None
            is_new = known is None or until - known > timedelta(seconds=LONGEST_PAUSE)
            if is_new:
                self.blocked_until = until
        if is_new:
            log.warning("%s: its quota is used up until %s UTC", self, f"{until:%Y-%m-%d %H:%M:%S}")
            self._state.block(self.client_id, until)
        raise QuotaExhaustedError(self.blocked_until or until)

    def _refresh_token(self) -> SecretStr:
        return self._given_token or self._state.of(self.client_id).refresh_token

    def _discard_token(self, token: _Token) -> None:
        """Discard a token that Spotify refused, unless another thread has already replaced it."""
        with self._renewing:
            if self._token is token:
                self._token = None

    def _valid_token(self, terms: Terms) -> _Token:
        """A valid access token. One thread renews it; threads that wait meanwhile get its token, or its error."""
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
                self._token = token = self._renew(terms)
            except SpotifyError as error:
                self._failed_renewal = None if isinstance(error, StoppedError) else error
                raise
            finally:
                self._renewals += 1
            return token

    def _renew(self, terms: Terms) -> _Token:
        refresh_token = self._refresh_token().get_secret_value()
        asked_at = time.monotonic()
        outcome = self._request_token(refresh_token, terms)
        if isinstance(outcome, Failure) and outcome.reason == "invalid_grant":
            # Another process may have logged in or received a new refresh token meanwhile.
            latest = self._refresh_token().get_secret_value()
            if latest != refresh_token:
                refresh_token = latest
                outcome = self._request_token(refresh_token, terms)
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

    def _request_token(self, refresh_token: str, terms: Terms) -> dict[str, Any] | Failure:
        secret = self._secret.get_secret_value()

        def ask() -> dict[str, Any] | Failure:
            self._wait_out_pause(terms)
            if refresh_token:
                return self._transport.user_token(self.client_id, secret, refresh_token)
            return self._transport.app_token(self.client_id, secret)

        return retry_call(ask, self._handle_limit, terms.stop)

    def _token_error(self, failure: Failure) -> SpotifyError:
        if failure.reason == "invalid_client":
            return CredentialsError.unknown(self.client_id)
        if failure.reason == "invalid_grant":
            given = f"{variable('refresh_token')} holds an old one: unset it and " if self._given_token else ""
            return LoginNeededError(f"the login at Spotify has ended, as it does after six months: {given}{LOGIN}")
        return RefusedError(f"Spotify gives no token ({failure.status}): {failure.message}")


def _call_error(failure: Failure, token: _Token) -> SpotifyError:
    if failure.status in (400, 404):
        kind = MalformedIdError if failure.status == 400 else NotFoundError
        return kind(f"Spotify has no such object, or does not show it to apps ({failure.message})")
    if failure.status == 401 and not token.is_users:
        return LoginNeededError(f"Spotify shows this only to a user who has logged in: {LOGIN}")
    return RefusedError(f"Spotify refuses this ({failure.status}): {failure.message}")
