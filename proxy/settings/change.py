"""What a change of settings comes to, and what is wrong with it. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from proxy.errors import SettingProblem, SettingsConflict, SettingsInvalid, SettingUnknown
from proxy.model.deployment import Deployment
from proxy.model.organization import Organization
from proxy.model.settings_bounds import bounds_problems
from proxy.settings.catalogue import nearest, setting_named
from proxy.settings.history import Entry, Item
from proxy.settings.values import EVERYWHERE, Name, Value, Values, in_force


@dataclass(frozen=True, slots=True)
class Wish:
    """A setting that is to be so; None for what the configuration says. `organization` None: of all."""

    organization: str | None
    setting: str
    value: Value


@dataclass(frozen=True, slots=True)
class Proposal:
    """What wishes come to: what would change, the values after it, and the configuration that would be in force."""

    items: tuple[Item, ...]
    values: Values
    deployment: Deployment


def organization_named(deployment: Deployment, name: str) -> Organization:
    """The organization of this name or GUID, in any letter case. Raises SettingUnknown, which names the nearest."""
    wanted = name.strip().strip("{}").casefold()
    for organization in deployment.organizations:
        if wanted in (organization.name.casefold(), organization.id.casefold()):
            return organization
    raise SettingUnknown(f"{name}: no such organization; {nearest(name, [o.name for o in deployment.organizations])}")


def propose(deployment: Deployment, values: Values, wishes: Sequence[Wish]) -> Proposal:
    """What the wishes come to over the configuration and the values so far.

    Raises SettingUnknown, and SettingsInvalid with every bound that would be broken, told with the values around it.
    """
    changed: dict[Name, bool | int] = dict(values)
    touched: dict[Name, Value] = {}
    for wish in wishes:
        name = _checked(deployment, wish)
        touched.setdefault(name, values.get(name))
        if wish.value is None:
            changed.pop(name, None)
        else:
            changed[name] = wish.value
    after = in_force(deployment, changed)
    _judge(after, {name.organization for name in touched})
    items = tuple(
        Item(name.organization, name.setting, before, changed.get(name))
        for name, before in touched.items()
        if changed.get(name) != before or type(changed.get(name)) is not type(before)
    )
    return Proposal(items, changed, after)


def _checked(deployment: Deployment, wish: Wish) -> Name:
    organization = None if wish.organization is None else organization_named(deployment, wish.organization)
    setting = setting_named(wish.setting, organization)
    wanted = int if setting.minutes else bool
    if wish.value is not None and type(wish.value) is not wanted:
        right = "a whole number of minutes" if setting.minutes else "true or false"
        raise SettingUnknown(f"{setting.name}: {wish.value!r} is not {right}")
    return Name(EVERYWHERE if organization is None else organization.name, setting.name)


def _judge(after: Deployment, touched: set[str]) -> None:
    found = []
    for organization in after.organizations:
        if organization.name not in touched:
            continue
        system = organization.system_settings
        found += [
            SettingProblem(organization.name, problem.setting, problem.value, problem.bound, _around(organization))
            for problem in bounds_problems(system, after.limits)
        ]
    if found:
        raise SettingsInvalid(tuple(found))


def _around(organization: Organization) -> str:
    """The values that hang together, as they would be."""
    system = organization.system_settings
    names = ["sessiontimeoutinmins", "sessiontimeoutreminderinmins"]
    if system.inactivitytimeoutenabled:
        names += ["inactivitytimeoutinmins", "inactivitytimeoutreminderinmins"]
    return ", ".join(f"{name} {getattr(system, name)}" for name in names)


def refuse_if_overtaken(since: Sequence[Entry], wishes: Sequence[Wish], deployment: Deployment) -> None:
    """Raises SettingsConflict where somebody changed settings of the same organization, or of all, since."""
    mine = {_checked(deployment, wish).organization for wish in wishes} | {EVERYWHERE}
    theirs = [(entry, item) for entry in since for item in entry.items if item.organization in mine]
    if theirs:
        told = [
            f"{item.setting}{_where(item)} from {said(item.before)} to {said(item.after)} by {entry.by}"
            for entry, item in theirs
        ]
        raise SettingsConflict(
            f"changed meanwhile: {'; '.join(told)}. Look at the values as they are now and try again"
        )


def _where(item: Item) -> str:
    return "" if item.organization == EVERYWHERE else f" of {item.organization}"


def said(value: Value) -> str:
    """A value in words."""
    words: Mapping[Value, str] = {None: "the configuration's value"}
    return words.get(value, str(value).lower())


def back_to(revision: int, entries: Sequence[Entry], values: Values) -> tuple[Wish, ...]:
    """The wishes that bring back the values of a revision. `entries`: the history, the newest first.

    Raises SettingUnknown where the history does not reach back that far.
    """
    made = [entry for entry in entries if entry.revision is not None]
    newest = made[0].revision if made and made[0].revision is not None else 0
    oldest = made[-1].revision if made and made[-1].revision is not None else 0
    if not (oldest - 1 <= revision < newest):
        reach = f"from {max(oldest - 1, 0)} to {newest - 1}" if made else "none, since nothing was ever changed"
        raise SettingUnknown(f"revision {revision}: cannot be gone back to; there are {reach}")
    then: dict[Name, Value] = {}
    for entry in made:
        if entry.revision is not None and entry.revision > revision:
            then |= {item.name: item.before for item in entry.items}
    return tuple(
        Wish(None if name.organization == EVERYWHERE else name.organization, name.setting, value)
        for name, value in then.items()
        if values.get(name) != value
    )
