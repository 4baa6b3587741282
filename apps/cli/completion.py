"""`ccd completion`: what makes a shell complete commands, options and file names."""

import click

from apps.cli.contract import Report, reports

SHELLS = {
    "bash": "~/.local/share/bash-completion/completions/ccd",
    "zsh": "~/.zfunc/_ccd  (with `fpath+=~/.zfunc` before compinit in ~/.zshrc)",
    "fish": "~/.config/fish/completions/ccd.fish",
}


@click.command("completion")
@click.argument("shell", type=click.Choice(tuple(SHELLS)))
@reports({"shell": "the shell", "script": "what it must read", "place": "where it looks for such scripts by itself"})
def completion_command(shell: str) -> Report:
    """Print the script that makes SHELL complete commands, options and their values with TAB.

    For this terminal alone: `eval "$(ccd completion bash)"`, or `ccd completion fish | source`. For all to come, write
    it where the shell looks for it: bash ~/.local/share/bash-completion/completions/ccd, zsh ~/.zfunc/_ccd (with
    `fpath+=~/.zfunc` before compinit in ~/.zshrc), fish ~/.config/fish/completions/ccd.fish.

    \b
    Example: ccd completion bash > ~/.local/share/bash-completion/completions/ccd
    """
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    root = click.get_current_context().find_root().command
    assert kind is not None  # click has all three
    script = kind(root, {}, "ccd", "_CCD_COMPLETE").source()
    return Report({"shell": shell, "script": script, "place": SHELLS[shell]}, [script.rstrip("\n")])
