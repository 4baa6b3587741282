"""The `ccd` command: every stage of a campaign under one name."""

import gc
import os
from typing import Any

import click

import ccd
from apps.cli.agreement import agreement_command
from apps.cli.backend import backend_command
from apps.cli.backup import backup_command, restore_command
from apps.cli.bias import bias_command
from apps.cli.campaign import init_command, round_group, status_command
from apps.cli.collect import collect
from apps.cli.completion import completion_command
from apps.cli.demo import demo_command
from apps.cli.doctor import doctor_command
from apps.cli.duplicates import duplicates_command
from apps.cli.encode import encode_command
from apps.cli.evaluate import evaluate_command
from apps.cli.explain import explain_command
from apps.cli.harmless import harmless
from apps.cli.hydrate import hydrate_command
from apps.cli.imports import import_command
from apps.cli.labels import labels_command
from apps.cli.predict import predict_command
from apps.cli.protocol import protocol
from apps.cli.rank import rank_command
from apps.cli.release import release_command, verify_command
from apps.cli.replay import replay_command
from apps.cli.reproduce import reproduce_command
from apps.cli.review import review_command
from apps.cli.social import bluesky_group, mastodon_group
from apps.cli.split import split_command
from apps.cli.studio import pull_command, push_command, studio_group
from apps.cli.train import train_command
from apps.cli.world import world_command
from apps.cli.x import compliance_command, tir_command, x_group

EXIT_CODES = "Exit codes: 0 done, 1 a check failed or you interrupted it, 2 bad input or environment, told in one line."


class InOrder(click.Group):
    """Lists its commands as they were added: in the order of a campaign, not of the alphabet."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

    def invoke(self, ctx: click.Context) -> Any:
        """What a usage error repeats of the arguments may be a name of a stranger's file."""
        try:
            return super().invoke(ctx)
        except click.UsageError as error:
            said = error.format_message()
            if (shown := harmless(said)) == said:
                raise
            raise click.UsageError(shown, error.ctx) from None


def collect_garbage_rarely() -> None:
    """Let Python look for cycles after 100,000 new objects in place of 700.

    Rows are millions of objects without cycles. A list of a million counts as one object and is walked whole each time,
    so that to look again after so many rows takes time that grows with the square of the campaign.
    """
    gc.set_threshold(100_000)


@click.group(cls=InOrder, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(ccd.__version__, prog_name="ccd")
def cli() -> None:
    """Turn tweets into a labelled image-text dataset.

    A campaign is one folder. Collect pairs, draw a round, push it to Label Studio, pull the judgments, settle labels,
    measure agreement, split, release. `ccd status` says where it stands and what comes next.

    \b
    Exit codes: 0 done, 1 a check failed, 2 bad input or environment.
    """
    # Pictures go to files. A notebook hands its own backend down to what it starts, which need not have it.
    os.environ["MPLBACKEND"] = "agg"
    collect_garbage_rarely()


for command in (
    init_command,
    protocol,
    collect,
    duplicates_command,
    compliance_command,
    round_group,
    studio_group,
    push_command,
    pull_command,
    import_command,
    review_command,
    labels_command,
    agreement_command,
    bias_command,
    split_command,
    release_command,
    verify_command,
    hydrate_command,
    encode_command,
    train_command,
    evaluate_command,
    explain_command,
    predict_command,
    rank_command,
    backend_command,
    reproduce_command,
    replay_command,
    status_command,
    backup_command,
    restore_command,
    doctor_command,
    demo_command,
    world_command,
    completion_command,
):
    cli.add_command(command)
for source in (x_group, tir_command, bluesky_group, mastodon_group):
    collect.add_command(source)


def _say_exit_codes(group: click.Group) -> None:
    """At the end of every command's help."""
    for command in group.commands.values():
        if isinstance(command, click.Group):
            _say_exit_codes(command)
        else:
            command.epilog = EXIT_CODES


_say_exit_codes(cli)


if __name__ == "__main__":
    cli(prog_name="ccd")
