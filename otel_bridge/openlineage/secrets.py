"""Masking of secrets in texts that travel with lineage: SQL, source code, error messages, URLs.

Masked are literals that stand where a password stands, tokens of known forms, passwords in URLs, and long
random literals next to a word such as key. Other literals stay: they are what the SQL means. Every pattern is
linear in the length of the text.
"""

import re
from typing import Any, Final

MASK: Final = "***"

_NAME_TRIGGERS: Final = (
    "passw", "pwd", "passphrase", "secret", "token", "credential", "identified", "bearer", "basic ",
    "api_key", "apikey", "api-key", "api key", "access_key", "accesskey", "access-key", "access key",
    "private", "accountkey", "account_key", "account-key", "encryption_key", "encryptionkey",
    "encryption-key", "shared_key", "sharedkey", "auth_key", "authkey", "auth-key", "master_key", "masterkey",
)  # fmt: skip
_TOKEN_TRIGGERS: Final = (
    "akia", "asia", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "glpat-", "github_pat_", "xox", "sk_live_",
    "aiza", "eyj", "dapi", "private key",
)  # fmt: skip
"""Lower-case parts of whatever the patterns below match: most texts have none and cost a few microseconds."""
_LONG_LITERAL: Final = re.compile(r"'[0-9A-Za-z+/_=-]{32}")

_TOKENS: Final = re.compile(
    r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"
    r"|\bgh[pousr]_[A-Za-z0-9]{30,255}"
    r"|\bgithub_pat_[A-Za-z0-9_]{22,255}"
    r"|\bglpat-[A-Za-z0-9_-]{20,64}"
    r"|\bxox[abeprs]-[A-Za-z0-9-]{10,255}"
    r"|\bsk_live_[A-Za-z0-9]{16,255}"
    r"|\bAIza[A-Za-z0-9_-]{35}"
    r"|\bdapi[0-9a-f]{32}\b"
    r"|\beyJ[A-Za-z0-9_-]{8,4096}\.[A-Za-z0-9_-]{8,8192}\.[A-Za-z0-9_-]{8,2048}"
    r"|-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----[A-Za-z0-9+/=\s\\]{0,16384}"
    r"(?:-----END [A-Z ]{0,40}PRIVATE KEY-----)?"
)
_URL_PASSWORD: Final = re.compile(r"(://[^\s/:@'\"]{0,256}:)[^\s/@'\"]{1,1024}(?=@)")
_BEARER: Final = re.compile(r"(\b(?:bearer|basic)\s{1,5})[A-Za-z0-9+/._~=-]{16,4096}", re.IGNORECASE)

_NAME: Final = (
    r"(?:password|passwd|passphrase|pwd|secret|token|credentials?"
    r"|(?:api|access|secret|private|account|encryption|shared|auth|master)[_ -]?key)"
)
_QUOTED: Final = r"'(?:[^'\\]|\\.|'')*(?:'|\Z)"
_PAIR: Final = re.compile(
    rf"({_NAME}[\"'`]?\s{{0,5}}[=:]\s{{0,5}})(?!['\"]?{re.escape(MASK)})"
    r"(?:(['\"])(?:[^'\"\\]|\\.){0,4096}(?:\2|\Z)|[^\s'\",;&)}]{1,1024})",
    re.IGNORECASE,
)
"""`password=hunter2` where no SQL is spoken: in connection strings, JSON, messages."""
_PASSWORD_IN_TEXT: Final = re.compile(
    r"(\b(?:password|identified\s{1,5}by)\s{1,5})'[^']{1,1024}'", re.IGNORECASE
)
_SQL_PIECE: Final = re.compile(rf"--[^\n]*|/\*.*?(?:\*/|\Z)|\"[^\"]*\"|({_QUOTED})", re.DOTALL)
_BEFORE_SECRET: Final = re.compile(
    rf"(?:{_NAME}[\"`\]]?\s{{0,20}}(?:=>|:=|<>|!=|=|:|\()?"
    r"|\bidentified\s{1,20}(?:with\s{1,20}\w{1,64}\s{1,20})?(?:by|as)(?:\s{1,20}password)?)\s{0,20}(?:\b[a-z])?\Z",
    re.IGNORECASE,
)
_BEFORE_RANDOM: Final = re.compile(
    r"(?:key|secret|token|auth|bearer|signature|salt|credential)\w{0,32}\W{1,12}\Z", re.IGNORECASE
)
_RANDOM: Final = re.compile(r"'(?:[0-9a-fA-F]{32,}|[A-Za-z0-9+/_-]{40,}={0,2})'")
_SECRET_NAME: Final = re.compile(rf"'\w{{0,64}}{_NAME}'", re.IGNORECASE)
_DOLLAR_QUOTED: Final = re.compile(rf"({_NAME}\s{{0,20}}=?\s{{0,20}}\$\$)[^$]*(?=\$\$)", re.IGNORECASE)
_NAMED_SECRET: Final = re.compile(
    rf"{_NAME}|pass(?:word|wd|phrase)?\Z|(?:\A|[_.-])(?:pat|auth)\Z", re.IGNORECASE
)
_CONTEXT: Final = 120
"""Characters before a literal that are looked at to tell what it is."""


def mask_sql(sql: str) -> str:
    """The statement with secrets in its literals masked; identifiers stay as they are.

    >>> mask_sql("CREATE USER etl PASSWORD 'hunter2'")
    "CREATE USER etl PASSWORD '***'"
    >>> mask_sql("SELECT * FROM t WHERE state = 'open' AND t.password = u.password")
    "SELECT * FROM t WHERE state = 'open' AND t.password = u.password"
    """
    lowered = sql.lower()
    masked = _known_forms(sql, lowered)
    if not _any(_NAME_TRIGGERS, lowered) and _LONG_LITERAL.search(sql) is None:
        return masked
    return _DOLLAR_QUOTED.sub(rf"\1{MASK}", _masked_literals(masked))


def mask_text(text: str) -> str:
    """An error message, a stack trace or source code with secrets masked, quoted or not.

    >>> mask_text("can't connect: postgres://etl:hunter2@db/shop password='hunter2' host=db")
    "can't connect: postgres://etl:***@db/shop password='***' host=db"
    """
    lowered = text.lower()
    masked = _known_forms(text, lowered)
    if not _any(_NAME_TRIGGERS, lowered):
        return masked
    masked = _BEARER.sub(rf"\1{MASK}", _PAIR.sub(_masked_pair, masked))
    return _PASSWORD_IN_TEXT.sub(rf"\1'{MASK}'", masked)


def mask_url(url: str) -> str:
    """The URL without its password."""
    return _known_forms(url, url.lower()) if "@" in url else url


def mask_named(name: str, value: str) -> str:
    """A value that has a name, such as an environment variable: masked whole if the name says that it is a secret.

    >>> mask_named("DB_PASSWORD", "hunter2"), mask_named("STAGE", "prod"), mask_named("DSN", "pg://etl:hunter2@db")
    ('***', 'prod', 'pg://etl:***@db')
    """
    return MASK if value and _NAMED_SECRET.search(name) else mask_text(value)


def mask_entries(given: Any, name: str) -> Any:
    """A list of maps of which each has a name, under this key, and a `value`; anything else as it is."""
    if not isinstance(given, list):
        return given
    return [_masked_entry(entry, name) for entry in given]


def _masked_entry(entry: Any, name: str) -> Any:
    if not (
        isinstance(entry, dict) and isinstance(entry.get("value"), str) and isinstance(entry.get(name), str)
    ):
        return entry
    return {**entry, "value": mask_named(entry[name], entry["value"])}


def _any(triggers: tuple[str, ...], lowered: str) -> bool:
    for trigger in triggers:  # noqa: SIM110 - this is asked for every text, and a generator costs more than the search
        if trigger in lowered:
            return True
    return False


def _known_forms(text: str, lowered: str) -> str:
    if _any(_TOKEN_TRIGGERS, lowered):
        text = _TOKENS.sub(MASK, text)
    return _URL_PASSWORD.sub(rf"\1{MASK}", text) if "://" in lowered else text


def _masked_literals(sql: str) -> str:
    """Go through the literals in order: comments and quoted identifiers must not be mistaken for them."""
    done: list[str] = []
    end, before = 0, ""
    for match in _SQL_PIECE.finditer(sql):
        context, piece = sql[max(end, match.start() - _CONTEXT) : match.start()], match.group()
        if match.group(1) is None:
            masked = piece if piece.startswith('"') else _PAIR.sub(_masked_pair, piece)
        else:
            masked = _masked_literal(piece, context, before)
        done += (sql[end : match.start()], masked)
        end, before = match.end(), piece
    return "".join((*done, sql[end:]))


def _masked_literal(literal: str, context: str, before: str) -> str:
    """`before` is the piece before the context: `{'password': 'x'}` names its secret by a literal."""
    if literal == "''":
        return literal
    inner = _PAIR.sub(_masked_pair, literal)
    if MASK in inner:
        return inner
    named_by_literal = context.strip() in {":", "=", "=>"} and (
        _SECRET_NAME.fullmatch(before) or _SECRET_NAME.fullmatch(f"'{before.strip(chr(34))}'")
    )
    random = _RANDOM.fullmatch(literal) and _BEFORE_RANDOM.search(context)
    return f"'{MASK}'" if named_by_literal or random or _BEFORE_SECRET.search(context) else literal


def _masked_pair(match: re.Match[str]) -> str:
    quote = match.group(2) or ""
    return f"{match.group(1)}{quote}{MASK}{quote}"
