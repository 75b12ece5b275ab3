"""``triggers list``, ``create``, ``update``, ``delete``, ``enable``, ``disable``, ``preview`` and ``history``."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import typer

from flowforge_graph.cli.exits import Refusal
from flowforge_graph.cli.options import TriggerArgument, WorkflowArgument, command, whole_number
from flowforge_graph.cli.output import print_lines, print_table
from flowforge_graph.cli.session import Session
from flowforge_graph.cli.text import duration, instant, shown

if TYPE_CHECKING:
    from flowforge_graph.engine import TriggerEngine
    from flowforge_graph.model import AnyTrigger

Kind = Literal["manual", "scheduled", "dependency", "event"]
ConditionName = Literal["on_success", "on_failure", "on_completion"]
PolicyName = Literal["latest", "all", "skip"]
OwnerName = Literal["engine", "prefect"]

NameOption = Annotated[str | None, typer.Option("--name", metavar="NAME", help="A name shown to people.")]
CronOption = Annotated[str | None, typer.Option("--cron", metavar="CRON", help="When a scheduled trigger fires.")]
ZoneOption = Annotated[str | None, typer.Option("--timezone", metavar="ZONE", help="Its IANA time zone. [UTC]")]
PolicyOption = Annotated[
    PolicyName | None, typer.Option("--misfire-policy", help="What of missed fire times is started. [latest]")
]
OwnerOption = Annotated[
    OwnerName | None, typer.Option("--owner", help="Who starts a scheduled trigger: this engine, or Prefect. [engine]")
]
UpstreamOption = Annotated[
    str | None, typer.Option("--depends-on", metavar="WORKFLOW", help="The upstream of a dependency trigger.")
]
ConditionOption = Annotated[
    ConditionName | None, typer.Option("--condition", help="Which outcome of the upstream starts it. [on_success]")
]
DelayOption = Annotated[
    int | None,
    typer.Option("--delay-minutes", metavar="MINUTES", parser=whole_number(), help="Minutes to wait, 0 to 60. [0]"),
]
EventOption = Annotated[
    str | None, typer.Option("--event-type", metavar="TYPE", help="What an event trigger listens to.")
]
EventConfigOption = Annotated[
    str | None, typer.Option("--event-config", metavar="JSON", help="A JSON object kept with an event trigger.")
]

# The options of each kind beside the common ones, and the field that each sets; the first one is needed.
_OPTIONS: Final[Mapping[str, Mapping[str, str]]] = {
    "manual": {},
    "scheduled": {
        "--cron": "cron_expression",
        "--timezone": "timezone",
        "--misfire-policy": "misfire_policy",
        "--owner": "schedule_owner",
    },
    "dependency": {
        "--depends-on": "depends_on_workflow_id",
        "--condition": "dependency_condition",
        "--delay-minutes": "delay_minutes",
    },
    "event": {"--event-type": "event_type", "--event-config": "event_config"},
}


def register(app: typer.Typer) -> None:
    """Add the commands to their group."""
    command(app, "list", examples=["triggers list", "triggers list silver --json"])(list_triggers)
    command(
        app,
        "create",
        examples=[
            'triggers create landing --type scheduled --cron "0 2 * * *" --timezone America/New_York',
            "triggers create silver --type dependency --depends-on bronze --condition on_success --delay-minutes 5",
            "triggers create landing --type event --event-type file.arrived --name Arrival --disabled",
        ],
    )(create)
    command(app, "update", examples=["triggers update TRIGGER --delay-minutes 10"])(update)
    command(app, "delete", examples=["triggers delete TRIGGER"])(delete)
    command(app, "enable", examples=["triggers enable TRIGGER"])(enable)
    command(app, "disable", examples=["triggers disable TRIGGER"])(disable)
    command(app, "preview", examples=["triggers preview TRIGGER", "triggers preview TRIGGER --count 20 --json"])(
        preview
    )
    command(app, "history", examples=["triggers history TRIGGER", "triggers history TRIGGER --limit 50 --json"])(
        history
    )


def list_triggers(
    session: Session,
    workflow: Annotated[str | None, typer.Argument(metavar="[WORKFLOW]", help="Only this workflow's.")] = None,
) -> None:
    """List triggers, newest first."""
    from flowforge_graph.wire import TriggerDocument

    with session.engine() as engine:
        triggers = engine.list_triggers() if workflow is None else engine.get_triggers(workflow)
        names = _upstream_names(engine, triggers)
    session.answer(
        {"triggers": [TriggerDocument.of(trigger, names).as_json() for trigger in triggers]},
        lambda: _print_table(triggers),
    )


def create(
    session: Session,
    workflow: WorkflowArgument,
    *,
    kind: Annotated[Kind, typer.Option("--type", help="What kind of trigger.")],
    name: NameOption = None,
    disabled: Annotated[bool, typer.Option("--disabled", help="Store it without letting it start anything.")] = False,
    cron: CronOption = None,
    timezone: ZoneOption = None,
    misfire_policy: PolicyOption = None,
    owner: OwnerOption = None,
    depends_on: UpstreamOption = None,
    condition: ConditionOption = None,
    delay_minutes: DelayOption = None,
    event_type: EventOption = None,
    event_config: EventConfigOption = None,
) -> None:
    """Create a trigger that starts a workflow.

    A scheduled one needs --cron, a dependency one --depends-on, an event one --event-type. A dependency that would
    close a cycle is refused with its chain (exit code 3).
    """
    from flowforge_graph.model import parse_trigger

    given = _given_options(
        cron=cron,
        timezone=timezone,
        misfire_policy=misfire_policy,
        owner=owner,
        depends_on=depends_on,
        condition=condition,
        delay_minutes=delay_minutes,
        event_type=event_type,
        event_config=event_config,
    )
    fields = {"workflow_id": workflow, "trigger_type": kind, "enabled": not disabled, **_fields_of(kind, given)}
    _refuse_without_needed_option(kind, given)
    with session.engine() as engine:
        stored = engine.create_trigger(parse_trigger({**fields, **({"trigger_name": name} if name else {})}))
        _answer(session, engine, stored, "created")


def update(
    session: Session,
    trigger: TriggerArgument,
    *,
    name: Annotated[
        str | None, typer.Option("--name", metavar="NAME", help="A new name; an empty one clears it.")
    ] = None,
    cron: CronOption = None,
    timezone: ZoneOption = None,
    misfire_policy: PolicyOption = None,
    owner: OwnerOption = None,
    depends_on: UpstreamOption = None,
    condition: ConditionOption = None,
    delay_minutes: DelayOption = None,
    event_type: EventOption = None,
    event_config: EventConfigOption = None,
) -> None:
    """Change a trigger: only what is given, and never its kind."""
    given = _given_options(
        cron=cron,
        timezone=timezone,
        misfire_policy=misfire_policy,
        owner=owner,
        depends_on=depends_on,
        condition=condition,
        delay_minutes=delay_minutes,
        event_type=event_type,
        event_config=event_config,
    )
    if name is None and not given:
        raise Refusal("nothing to change was given")
    with session.engine() as engine:
        changes = _fields_of(engine.get_trigger(trigger).trigger_type, given)
        if name is not None:
            changes["trigger_name"] = name or None
        _answer(session, engine, engine.update_trigger(trigger, **changes), "updated")


def delete(session: Session, trigger: TriggerArgument) -> None:
    """Delete a trigger.

    What waits because of it is cancelled when its time comes.
    """
    with session.engine() as engine:
        engine.delete_trigger(trigger)
    session.answer({"success": True}, lambda: print_lines([f"deleted trigger {trigger}"]))


def enable(session: Session, trigger: TriggerArgument) -> None:
    """Let a trigger start executions again.

    What a schedule missed while it was disabled is not caught up.
    """
    with session.engine() as engine:
        _answer(session, engine, engine.enable_trigger(trigger), "enabled")


def disable(session: Session, trigger: TriggerArgument) -> None:
    """Keep a trigger from starting anything.

    It stays an edge of the graph. What waits because of it is cancelled when its time comes.
    """
    with session.engine() as engine:
        _answer(session, engine, engine.disable_trigger(trigger), "disabled")


def preview(
    session: Session,
    trigger: TriggerArgument,
    count: Annotated[
        int, typer.Option("--count", metavar="N", parser=whole_number(at_least=1, at_most=1000), help="How many runs.")
    ] = 5,
) -> None:
    """Show when a stored schedule fires next.

    By the rule of its owner. Prefect's needs the extra and a server, as 'deployments' do.
    """
    from flowforge_graph.schedules import zone
    from flowforge_graph.wire import PreviewDocument

    with session.engine() as engine:
        shown_runs = engine.preview_trigger(trigger, count=count)
    where = zone(shown_runs.timezone)
    lines = [run.astimezone(where).isoformat() for run in shown_runs.next_runs]
    session.answer(
        {"success": True, **PreviewDocument.of(shown_runs).as_json()},
        lambda: print_lines([f"{shown_runs.description} ({shown_runs.timezone})", *lines]),
    )


def history(
    session: Session,
    trigger: TriggerArgument,
    limit: Annotated[
        int, typer.Option("--limit", metavar="N", parser=whole_number(at_least=1), help="At most so many.")
    ] = 10,
) -> None:
    """List the executions that a trigger started, newest first."""
    from flowforge_graph.wire import HistoryDocument

    with session.engine() as engine:
        executions = engine.get_trigger_history(trigger, limit=limit)
    rows = [(e.id, e.status, instant(e.created_at), duration(e.duration_ms)) for e in executions]
    session.answer(
        HistoryDocument.of(executions).as_json(),
        lambda: print_table(
            ("EXECUTION", "STATUS", "TRIGGERED", "TOOK"), rows, nothing="this trigger has started nothing yet"
        ),
    )


def _given_options(
    *,
    cron: str | None,
    timezone: str | None,
    misfire_policy: str | None,
    owner: str | None,
    depends_on: str | None,
    condition: str | None,
    delay_minutes: int | None,
    event_type: str | None,
    event_config: str | None,
) -> dict[str, Any]:
    options = {
        "--cron": cron,
        "--timezone": timezone,
        "--misfire-policy": misfire_policy,
        "--owner": owner,
        "--depends-on": depends_on,
        "--condition": condition,
        "--delay-minutes": delay_minutes,
        "--event-type": event_type,
        "--event-config": None if event_config is None else _json_object(event_config),
    }
    return {option: value for option, value in options.items() if value is not None}


def _fields_of(kind: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """The trigger fields that the given options set, refusing options of another kind."""
    own = _OPTIONS[kind]
    for option in given:
        if option not in own:
            owner = next(other for other, options in _OPTIONS.items() if option in options)
            raise Refusal(f"{option} belongs to {owner} triggers, and this one is {kind}")
    return {own[option]: value for option, value in given.items()}


def _refuse_without_needed_option(kind: str, given: Mapping[str, Any]) -> None:
    for needed in list(_OPTIONS[kind])[:1]:
        if needed not in given:
            raise Refusal(f"{'an' if kind == 'event' else 'a'} {kind} trigger needs {needed}")


def _json_object(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Refusal(f"--event-config must be a JSON object, not {shown(text[:80])!r}") from error


def _upstream_names(engine: TriggerEngine, triggers: Iterable[AnyTrigger]) -> dict[str, str]:
    return engine.get_workflow_names({t.depends_on_workflow_id for t in triggers if t.trigger_type == "dependency"})


def _answer(session: Session, engine: TriggerEngine, trigger: AnyTrigger, done: str) -> None:
    from flowforge_graph.cli.wording import trigger_rule
    from flowforge_graph.wire import TriggerDocument

    document = TriggerDocument.of(trigger, _upstream_names(engine, [trigger])).as_json()
    sentence = f"{done} trigger {trigger.id}: {trigger.workflow_id} starts {trigger_rule(trigger)}"
    session.answer({"trigger": document}, lambda: print_lines([sentence]))


def _print_table(triggers: Sequence[AnyTrigger]) -> None:
    from flowforge_graph.cli.wording import trigger_rule

    rows = [
        (t.id, t.workflow_id, t.trigger_type, "yes" if t.enabled else "no", trigger_rule(t), _next_run(t))
        for t in triggers
    ]
    print_table(
        ("TRIGGER", "WORKFLOW", "TYPE", "ENABLED", "STARTS IT", "NEXT RUN"), rows, nothing="there are no triggers"
    )


def _next_run(trigger: AnyTrigger) -> str:
    return instant(trigger.next_run_at) if trigger.trigger_type == "scheduled" and trigger.enabled else "-"
