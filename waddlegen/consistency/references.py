"""Check that variables, events, APIs and webhooks refer to what is declared."""

from collections.abc import Iterator

from waddlegen.consistency.facts import Facts, Issue, Loc
from waddlegen.spec import (
    ExternalApiSpec,
    JobSpec,
    Need,
    VariableType,
    Verifier,
    WebhookSpec,
)

# Read by some module, so that one name never means two things in the fleet.
_ALWAYS = frozenset(
    "DATABASE_URL DB_HOST DB_NAME DB_PASSWORD DB_POOLER DB_POOL_SIZE DB_PORT"
    " DB_REPLICA_HOSTS DB_RLS DB_USER ENCRYPTION_KEY ENCRYPTION_KEY_PREVIOUS REDIS_HOST REDIS_PASSWORD REDIS_PORT".split()
)
_PUBLIC_KEYS = (Verifier.DISCORD_INTERACTIONS, Verifier.KICK_RSA)


def check(facts: Facts) -> Iterator[Issue]:
    """Every issue of references."""
    yield from _taken(facts)
    for index, api in enumerate(facts.spec.external_apis):
        yield from _api(facts, api, ("external_apis", index))
    for loc, feature in facts.features():
        for index, webhook in enumerate(feature.webhooks):
            yield from _webhook(facts, webhook, (*loc, "webhooks", index))
        for index, job in enumerate(feature.jobs):
            yield from _job(facts, job, (*loc, "jobs", index))
        if feature.consumes and facts.spec.dependencies.redis is Need.NONE:
            yield (*loc, "consumes"), "events need Redis; say `redis: required`"
    for site in facts.sites():
        if site.endpoint.emits:
            yield from facts.event((*site.loc, "emits"), site.endpoint.emits)


def _taken(facts: Facts) -> Iterator[Issue]:
    """Variables that the platform, or a call of another module, reads already."""
    given = [each.name for each in facts.spec.environment]
    for index, variable in enumerate(facts.spec.config):
        if variable.name in _ALWAYS or given.count(variable.name) > 1:
            loc = ("config", index, "name")
            yield loc, f'"{variable.name}" is read already; leave it out, or rename yours'


def _api(facts: Facts, api: ExternalApiSpec, loc: Loc) -> Iterator[Issue]:
    """An external API has one base URL, and its headers come from variables."""
    if (api.base_url is None) == (api.base_url_from is None):
        yield (*loc, "id"), "say `base_url` or `base_url_from`, one of the two"
    if api.base_url_from is not None:
        yield from facts.variable((*loc, "base_url_from"), api.base_url_from)
        variable = facts.variables.get(api.base_url_from)
        if variable and (
            variable.secret or not variable.is_required and variable.default is None
        ):
            yield (
                *loc,
                "base_url_from",
            ), f"{variable.name} must always have a value and be no secret"
    for index, header in enumerate(api.headers):
        here = (*loc, "headers", index, "variable")
        yield from facts.variable(here, header.variable)
        variable = facts.variables.get(header.variable)
        if variable and not (variable.secret or variable.type is VariableType.STRING):
            yield here, f"{variable.name} is not a text"


def _webhook(facts: Facts, webhook: WebhookSpec, loc: Loc) -> Iterator[Issue]:
    """A webhook's secret is declared, and secret unless it is a public key."""
    for key, name in (
        ("secret", webhook.secret),
        ("verify_token", webhook.verify_token),
    ):
        if name is None:
            continue
        yield from facts.variable((*loc, key), name)
        variable = facts.variables.get(name)
        public = key == "secret" and webhook.verifier in _PUBLIC_KEYS
        if variable and not variable.secret and not public:
            yield (*loc, key), f"{name} must be a secret; say `secret: true` there"
        elif variable and variable.type is not VariableType.STRING:
            yield (*loc, key), f"{name} is not a text"
    websub = webhook.verifier is Verifier.YOUTUBE_WEBSUB
    if websub and webhook.verify_token is None:
        yield (*loc, "verifier"), "youtube_websub needs `verify_token`"
    if not websub and webhook.verify_token is not None:
        yield (*loc, "verify_token"), "`verify_token` is for youtube_websub"


def _job(facts: Facts, job: JobSpec, loc: Loc) -> Iterator[Issue]:
    """A job has one interval."""
    if (job.every_seconds is None) == (job.every is None):
        yield (*loc, "id"), "say `every_seconds` or `every`, one of the two"
    if job.every is not None:
        yield from facts.variable((*loc, "every"), job.every)
        variable = facts.variables.get(job.every)
        numbers = (VariableType.INTEGER, VariableType.NUMBER)
        if variable and (
            variable.type not in numbers or variable.secret or variable.default is None
        ):
            yield (*loc, "every"), f"{job.every} must be a number with a default"
