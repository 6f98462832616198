"""What the UI does by Dagster's instance itself, as a short process: so its own one imports no Dagster.

`python -m spotify_assets.cli.upkeep prepare`, `fail-interrupted` or `why-failed RUN`.
"""

import subprocess
import sys

import click

USAGE = "prepare | fail-interrupted | why-failed RUN"


def upkeep(*arguments: str) -> str:
    """Do it in a process of its own, which Ctrl-C on the terminal doesn't reach, and return what it prints.

    Raises:
        click.ClickException: It failed.
    """
    done = subprocess.run(
        [sys.executable, "-m", "spotify_assets.cli.upkeep", *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        start_new_session=True,
        check=False,
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"it ended with {done.returncode}"])[-1]
        raise click.ClickException(f"Dagster's instance: {last.removeprefix('Error: ')}")
    return done.stdout.strip()


def main(arguments: list[str]) -> None:
    import dagster as dg

    from spotify_assets.cli.instance import fail_interrupted_runs, instance
    from spotify_assets.defs.failures import why_failed
    from spotify_assets.defs.ticks import bring_back_ticks

    with instance() as persistent:
        match arguments:
            case ["prepare"]:  # opening it has failed dead runs
                bring_back_ticks(persistent)
            case ["fail-interrupted"]:
                fail_interrupted_runs(persistent)
            case ["why-failed", run]:
                logged = persistent.all_logs(run)
                events: list[dg.DagsterEvent] = [one.dagster_event for one in logged if one.dagster_event]
                sys.stdout.write(why_failed(events))
            case _:
                raise click.UsageError(USAGE)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
