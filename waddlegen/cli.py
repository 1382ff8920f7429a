"""The commands: each parses, calls one function, prints one value and exits.

Heavy things are imported inside the commands that need them, so that help and completion
answer at once.
"""

import gc
import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Annotated, Any

import typer

from waddlegen import __version__, ending
from waddlegen.errors import ConflictError, UsageError

if TYPE_CHECKING:
    from waddlegen.fleet import Step
    from waddlegen.plan import Plan
    from waddlegen.project import Project

# What the command line is refused with; click's, or typer's own copy of it.
_USAGE: type[Exception] = next(
    each for each in typer.BadParameter.mro() if each.__name__ == "ClickException"
)

app = typer.Typer(
    name="waddlegen",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Render WaddleBot modules from one YAML spec each, and keep them in step.",
    epilog="Exit codes: 0 fine, 1 drift or findings, 2 wrong usage or spec, 3 conflict.",
)
template_app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Work on the templates."
)
app.add_typer(template_app, name="template")


def run() -> int:
    """Run one command and return its exit code."""
    return ending.code_of(_typed)


def _typed() -> int:
    """Run what was typed; typer's own ways to end become codes here."""
    try:
        result = app(standalone_mode=False)
    except typer.Abort:
        raise KeyboardInterrupt from None
    except typer.Exit as error:
        return error.exit_code
    except _USAGE as error:
        getattr(error, "show")()
        return int(getattr(error, "exit_code"))
    return result if isinstance(result, int) else 0


def _version(value: bool) -> None:
    """Print the version and stop."""
    if value:
        print(f"waddlegen {__version__}")
        raise typer.Exit


@app.callback()
def options(
    context: typer.Context,
    directory: Annotated[
        Path, typer.Option("-C", "--directory", help="Work in this folder.")
    ] = Path(),
    debug: Annotated[
        bool, typer.Option("--debug", help="Show a traceback with an error.")
    ] = False,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Options of every command."""
    if not directory.is_dir():
        raise UsageError(f"{directory}: no such folder")
    context.obj = directory


def _project(context: typer.Context) -> "Project":
    """The project the command works in."""
    from waddlegen import project

    return project.find(context.obj)


def _complete_name(context: typer.Context, incomplete: str) -> list[str]:
    """Module ids that begin like what is typed, for shell completion."""
    from waddlegen import project

    start = context.find_root().params.get("directory") or Path()
    known = {*project.find(start).module_ids(), *project.catalogue_ids()}
    return sorted(name for name in known if name.startswith(incomplete))


Name = Annotated[
    str, typer.Argument(help="The module's id.", autocompletion=_complete_name)
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Say what would change; write nothing.")
]
Diff = Annotated[
    bool, typer.Option("--diff", help="Show what would change; write nothing.")
]
Force = Annotated[
    bool,
    typer.Option(
        "--force",
        help="Overwrite files that were edited or that waddlegen did not write.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Verbose = Annotated[bool, typer.Option("-v", "--verbose", help="Name every file.")]


@app.command()
def new(
    context: typer.Context,
    name: Name,
    title: Annotated[str | None, typer.Option(help="Name for people.")] = None,
    description: Annotated[str | None, typer.Option(help="What it is for.")] = None,
    category: Annotated[
        str | None, typer.Option(help="trigger, action or core.")
    ] = None,
    port: Annotated[
        int | None, typer.Option(help="HTTP port; the next free one unless said.")
    ] = None,
    feature: Annotated[
        str | None, typer.Option(help="Id of the first feature.")
    ] = None,
    postgres: Annotated[
        str | None, typer.Option(help="required, optional or none.")
    ] = None,
    redis: Annotated[
        str | None, typer.Option(help="required, optional or none.")
    ] = None,
    dry_run: DryRun = False,
    diff: Diff = False,
    force: Force = False,
    verbose: Verbose = False,
) -> None:
    """Render a module: from its spec, from the catalogue, or from a few questions."""
    from waddlegen import create, output

    answers = {
        "title": title,
        "description": description,
        "category": category,
        "port": port,
        "feature": feature,
        "postgres": postgres,
        "redis": redis,
    }
    project = _project(context)
    given = {key: value for key, value in answers.items() if value is not None}
    made = create.create(project, name, given, force, sys.stdin.isatty())
    _carry_out(project, made.steps, dry_run, diff, verbose)
    if not (dry_run or diff):
        print()
        _print(output.tree_lines(str(made.folder), made.paths))
        print()
        _print(made.next_commands)


@app.command()
def update(
    context: typer.Context,
    names: Annotated[
        list[str] | None,
        typer.Argument(
            help="Modules; all of them with --all.", autocompletion=_complete_name
        ),
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Every module of the project.")
    ] = False,
    check: Annotated[
        bool,
        typer.Option(
            "--check", help="Write nothing; exit 1 when something would change."
        ),
    ] = False,
    dry_run: DryRun = False,
    diff: Diff = False,
    json_output: Json = False,
    restore: Annotated[
        bool, typer.Option("--restore", help="Bring back files that were deleted.")
    ] = False,
    fix: Annotated[
        bool,
        typer.Option("--fix", help="Append the methods that services do not have yet."),
    ] = False,
    branch: Annotated[
        bool,
        typer.Option("--branch", help="Commit each module on a new git branch."),
    ] = False,
    body: Annotated[
        Path | None,
        typer.Option(help="Where --branch writes the pull request's text."),
    ] = None,
    go_on: Annotated[
        bool, typer.Option("--continue", help="Go on after conflicts were settled.")
    ] = False,
    abort: Annotated[
        bool,
        typer.Option("--abort", help="Put back what an update with conflicts changed."),
    ] = False,
    force: Force = False,
    verbose: Verbose = False,
) -> None:
    """Carry a change of the specs or the templates into modules, hand edits kept."""
    gc.disable()  # what an update makes, it needs to its end
    from waddlegen import create, fleet, fresh

    project = _project(context)
    ids = _chosen(project, names or [], every or ((go_on or abort) and not names))
    if go_on or abort:
        _settle(project, ids, abort)
        if abort:
            return
    before = fresh.signature(project)
    steps = create.renew(project, ids, force, restore, fix)
    if branch:
        _commit(project, steps, body)
        return
    text = "\n".join(_update_lines(project, steps, diff, json_output, verbose))
    print(text)
    if not (dry_run or check or diff):
        fleet.apply_all(steps)
        fleet.note(project, steps)
    conflicts = [change for step in steps for change in step.plan.conflicts]
    if conflicts:
        raise ConflictError(
            f"{len(conflicts)} in conflict; settle the marked places or say"
            " `waddlegen resolve PATH --ours` or `--theirs`, then `waddlegen update"
            " --continue`, or go back with `--abort`"
        )
    if check and any(step.writes for step in steps):
        raise typer.Exit(1)
    if not any(step.changes for step in steps):
        fresh.remember(project, sys.argv[1:], text, before)


def _commit(project: "Project", steps: "tuple[Step, ...]", body: Path | None) -> None:
    """Commit an update on a branch and write the text of its pull request."""
    from waddlegen import apply, branch, status
    from waddlegen.lock import digest

    drift = list(status.drift_of(project, steps, project.root))
    text = "\n".join(branch.body(project.root, steps, drift)) + "\n"
    name = f"waddlegen/update-{digest(text)[:8]}"
    done = branch.commit(project.root, name, steps)
    if done and body is not None:
        apply.write_file(body, text)
        print(name)
    elif done:
        print(f"{name}\n\n{text}", end="")
    else:
        print("nothing to do")
    conflicts = sum(len(step.plan.conflicts) for step in steps)
    if conflicts:
        raise ConflictError(f"{conflicts} in conflict; those modules were left out")


def _settle(project: "Project", ids: tuple[str, ...], abort: bool) -> None:
    """Go on after conflicts, or go back before them."""
    from waddlegen import update as settling

    folders = settling.folders(project, ids)
    if abort:
        _print_folders(settling.abort(folders))
    else:
        settling.settle(folders)


def _update_lines(
    project: "Project",
    steps: "tuple[Step, ...]",
    diff: bool,
    json_output: bool,
    verbose: bool,
) -> "Iterator[str]":
    """What an update does, or would do."""
    from waddlegen import status
    from waddlegen.update import shown

    drift = status.drift_of(project, steps, Path.cwd().resolve())
    if json_output:
        yield json.dumps(shown(steps) | {"services": list(drift)}, indent=1)
        return
    yield from _step_lines(steps, diff, verbose)
    yield from (f"drift      {line}" for line in drift)
    if not any(step.writes or step.plan.conflicts for step in steps):
        yield "nothing to do"


def _step_lines(
    steps: "tuple[Step, ...]", diff: bool, verbose: bool
) -> "Iterator[str]":
    """Plans, as verbs or as a difference."""
    from waddlegen import output

    here = Path.cwd().resolve()
    for step in steps:
        folder = output.relative(step.folder, here)
        if step.moved_from is not None:
            former = output.relative(step.moved_from, here)
            yield output.line("move", f"{former} to {folder}")
        if diff:
            yield from output.diff_lines(step.plan, folder)
        else:
            yield from output.plan_lines(step.plan, folder, verbose)


def _print_folders(done: "Iterable[tuple[Path, Plan]]") -> None:
    """Print what was put back, folder by folder."""
    from waddlegen import output

    here = Path.cwd().resolve()
    for folder, plan in done:
        _print(output.plan_lines(plan, output.relative(folder, here)))


@app.command()
def status(
    context: typer.Context,
    names: Annotated[
        list[str] | None,
        typer.Argument(
            help="Modules; all unless named.", autocompletion=_complete_name
        ),
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Every module of the project.")
    ] = False,
    json_output: Json = False,
) -> None:
    """Show how modules stand: templates, spec, hand edits, orphans, what is to be done."""
    from waddlegen import fresh
    from waddlegen import status as standing

    project = _project(context)
    before = fresh.signature(project)
    ids = _chosen(project, names or [], every or not names)
    found = standing.statuses(project, ids, Path.cwd().resolve())
    text = (
        json.dumps(standing.record(found), indent=1)
        if json_output
        else "\n".join(standing.lines(found))
    )
    print(text)
    fresh.remember(project, sys.argv[1:], text, before)


@app.command("diff")
def show_diff(context: typer.Context, name: Name) -> None:
    """Show what was changed by hand in a module since it was rendered."""
    from waddlegen import status as standing

    project = _project(context)
    _chosen(project, [name], False)
    _print(standing.hand_edits(project, name, Path.cwd().resolve()))


@app.command()
def resolve(
    context: typer.Context,
    path: Path,
    ours: Annotated[bool, typer.Option("--ours", help="Keep your side.")] = False,
    theirs: Annotated[
        bool, typer.Option("--theirs", help="Take the template's side.")
    ] = False,
) -> None:
    """Settle the conflicts of one file for one side."""
    from waddlegen import update as settling

    if ours == theirs:
        raise UsageError("say --ours or --theirs")
    print(settling.resolve(_project(context), context.obj / path, theirs))


@app.command()
def undo(context: typer.Context) -> None:
    """Put back what the last run changed; a second undo brings it again."""
    from waddlegen import update as settling

    _print_folders(settling.undo_last(_project(context)))


@app.command()
def own(context: typer.Context, path: Path) -> None:
    """Take a managed file over: no update touches it any more."""
    from waddlegen import update as settling

    print(settling.own(_project(context), context.obj / path))


@app.command()
def disown(context: typer.Context, path: Path) -> None:
    """Give a file back that was taken over: updates are merged into it again."""
    from waddlegen import update as settling

    print(settling.disown(_project(context), context.obj / path))


def _chosen(project: "Project", names: list[str], every: bool) -> tuple[str, ...]:
    """The modules a command is about."""
    if every == bool(names):
        raise UsageError("name the modules to update, or say --all")
    known = project.module_ids()
    for name in names:
        if name not in known:
            raise UsageError(f"{name}: no such spec in {project.specs}")
    return tuple(names) or known


def _carry_out(
    project: "Project",
    steps: "tuple[Step, ...]",
    dry_run: bool,
    diff: bool,
    verbose: bool,
) -> None:
    """Print the plans, and apply them unless they were only asked for."""
    from waddlegen import fleet

    _print(_step_lines(steps, diff, verbose))
    conflicts = [c.path for step in steps for c in step.plan.conflicts]
    if conflicts:
        raise ConflictError(
            f"{len(conflicts)} in conflict, so nothing was written;"
            " move your text elsewhere, or overwrite it with --force"
        )
    if not (dry_run or diff):
        fleet.apply_all(steps)


def _print(lines: Any) -> None:
    """Print lines as they come."""
    for text in lines:
        print(text)


@app.command("list")
def list_modules(context: typer.Context) -> None:
    """List the modules: where they stand, and which operations are still to be written."""
    from waddlegen import listing, output

    project = _project(context)
    _print(output.table_lines(listing.rows(project)))
    unfinished = list(listing.unfinished_lines(project, Path.cwd().resolve()))
    if unfinished:
        print()
        _print(unfinished)


@app.command()
def schema() -> None:
    """Print the JSON Schema of a spec, for editors."""
    from waddlegen import fleet

    print(fleet.schema_text(), end="")


@app.command()
def show(
    context: typer.Context,
    name: Name,
    answers: Annotated[
        bool,
        typer.Option(
            "--answers", help="As answers for copier, every derived name included."
        ),
    ] = False,
    bundle: Annotated[
        Path | None,
        typer.Option(help="As .copier-answers.yml, for `copier update` from a bundle."),
    ] = None,
) -> None:
    """Print a module's spec with every default filled in."""
    from waddlegen import listing

    project = _project(context)
    if bundle is not None:
        from waddlegen import bundle as bundling

        print(bundling.answers(project, name, context.obj / bundle), end="")
        return
    print(
        listing.answers(project, name) if answers else listing.resolved(project, name),
        end="",
    )


@app.command("run")
def run_module(
    context: typer.Context,
    name: Name,
    port: Annotated[
        int | None, typer.Option(help="Listen here; the spec's port if it is free.")
    ] = None,
    database_url: Annotated[
        str | None,
        typer.Option(
            envvar="WADDLEGEN_DATABASE_URL",
            help="PostgreSQL to use; one of its own unless given.",
        ),
    ] = None,
    redis_url: Annotated[
        str | None,
        typer.Option(
            envvar="WADDLEGEN_REDIS_URL",
            help="Redis to use; one of its own unless given.",
        ),
    ] = None,
    json_output: Annotated[
        bool,
        typer.Option(
            "--json",
            help="One line with url, api_key, community_id and pid; the log goes to stderr.",
        ),
    ] = False,
) -> None:
    """Start a rendered module on this machine, with PostgreSQL and Redis."""
    from waddlegen import runner

    code = runner.run(
        _project(context), name, port, database_url, redis_url, json_output
    )
    raise typer.Exit(code)


@app.command("check")
def check_modules(
    context: typer.Context,
    paths: Annotated[
        list[Path] | None,
        typer.Argument(help="Modules, fleet roots or repositories; this folder else."),
    ] = None,
    output_format: Annotated[
        str | None,
        typer.Option(
            "--format",
            help="text, concise, json, sarif, junit, github, gitlab, checklist or html.",
        ),
    ] = None,
    select: Annotated[
        list[str] | None,
        typer.Option(help="Only these rules: codes, their beginnings, names or ALL."),
    ] = None,
    ignore: Annotated[
        list[str] | None, typer.Option(help="Leave these rules out.")
    ] = None,
    profile: Annotated[
        str | None, typer.Option(help="standard, or legacy for hand-written modules.")
    ] = None,
    fail_level: Annotated[
        str | None,
        typer.Option(help="Exit 1 from this severity on: critical to info."),
    ] = None,
    baseline: Annotated[
        Path | None, typer.Option(help="Report only what this file does not hold.")
    ] = None,
    write_baseline: Annotated[
        Path | None, typer.Option(help="Write what is found to this file.")
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(help="Only files that changed since this git revision."),
    ] = None,
    exact: Annotated[
        bool, typer.Option("--exact", help="Run black, flake8 and mypy themselves.")
    ] = False,
    live: Annotated[
        bool,
        typer.Option("--live", help="Also run copies of the modules and probe them."),
    ] = False,
    live_seconds: Annotated[
        float, typer.Option(help="How long --live may take for one module.")
    ] = 180.0,
    fix: Annotated[
        bool, typer.Option("--fix", help="Mend what can be mended safely.")
    ] = False,
    unsafe_fixes: Annotated[
        bool,
        typer.Option("--unsafe-fixes", help="Also mend what changes the behaviour."),
    ] = False,
    diff: Annotated[
        bool, typer.Option("--diff", help="Show what would be mended; write nothing.")
    ] = False,
) -> None:
    """Hold modules to the standard: 0 clean, 1 findings, 2 wrong usage."""
    from waddlegen import checking

    request = checking.Request(
        directory=context.obj,
        paths=tuple(paths or ()),
        output_format=output_format,
        select=tuple(select or ()),
        ignore=tuple(ignore or ()),
        profile=profile,
        fail_level=fail_level,
        baseline=baseline,
        write_baseline=write_baseline,
        since=since,
        exact=exact,
        live=live,
        live_seconds=live_seconds,
        fix=fix,
        unsafe_fixes=unsafe_fixes,
        diff=diff,
    )
    raise typer.Exit(checking.carry_out(request))


@app.command("rules")
def list_rules() -> None:
    """List every rule of check: code, severity, bullet of the checklist, name."""
    from waddlegen import checking, output

    _print(output.table_lines(checking.rule_rows()))


@app.command("explain")
def explain_rule(
    code: Annotated[str, typer.Argument(help="A rule's code or name.")],
) -> None:
    """Say what a rule wants, why, and how to follow, mend or suppress it."""
    from waddlegen import checking

    print(checking.explanation(code))


@template_app.command()
def bundle(context: typer.Context, target: Path) -> None:
    """Write every version of the module templates as a git bundle, for stock copier."""
    from waddlegen import bundle as bundling

    count = bundling.write(_project(context), context.obj / target)
    print(f"{target}: {count} versions")


@template_app.command()
def eject(
    context: typer.Context,
    dry_run: DryRun = False,
    force: Force = False,
    verbose: Verbose = False,
) -> None:
    """Copy the bundled templates into the project, which then uses its own."""
    from waddlegen import create

    project = _project(context)
    _carry_out(project, (create.eject(project, force),), dry_run, False, verbose)
    if not dry_run:
        print(
            f"\nThe templates in {PurePosixPath(project.root.name) / 'templates'} are yours to change."
        )
