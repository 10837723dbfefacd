"""What business systems do at the integrated-number system in a scenario (統合番号連携システム functions 6, 8 and 9).

Owns systems of the play's own, with their secrets and tokens. Promises that all but the registration of a system, which
is its operator's, goes through the REST interface, and that no number, secret or token is given back. People are
registered with numbers that nobody in the world has. Leaves what is answered to `services.integrated_number`.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any
from urllib.parse import quote, urlencode

from broker.rules.charsets import CHARSETS
from broker.rules.numbers import (
    find_individual_numbers,
    individual_number_check_digit,
    synthetic_individual_number,
)
from broker.rules.sending import ServerState
from broker.tables import HubPerson
from services.integrated_number import clients
from services.integrated_number.common import SCOPES
from services.scenarios.casting import (
    AT,
    FLAG,
    INSTITUTION,
    KIND,
    KIND_OF,
    PERSON,
    STEP,
    TEXT,
    TEXT_WANTED,
    TEXTS,
    Argument,
    Cast,
    Verb,
)
from services.scenarios.everyday import ASKED, inquiry_of
from services.scenarios.stage import Call, Called

DAY_MS = 86_400_000
TURNED_AWAY_AT_MOST = 10_000
FRESH = 9_000_000
"""Numbers from here on belong to nobody of a scenario's world."""
OUTSIDE = "12345678901" + individual_number_check_digit("12345678901")
"""A number as a real one looks: the simulator takes none of these."""
ATTRIBUTES = {"name": "模擬 たろう", "address": "模擬町1", "birth_date": "19800101", "sex": "1"}


def code_of(cast_: Cast, name: str) -> str:
    """A system's code: no other play has it."""
    mark = blake2b(f"{cast_.stage.tag}/{cast_.scenario}".encode(), digest_size=4).hexdigest()
    return f"{name}_{mark}".upper()


def number_of(cast_: Cast, person: str) -> str:
    """A made-up individual number that stands for the person here."""
    mark = blake2b(f"{cast_.stage.tag}/{person}".encode(), digest_size=3).digest()
    return synthetic_individual_number(FRESH + int.from_bytes(mark, "big") % 900_000)


def business_number_of(cast_: Cast, person: str, system: str) -> str:
    """The number by which a system knows the person."""
    mark = blake2b(f"{code_of(cast_, system)}/{person}".encode(), digest_size=6).digest()
    return f"{int.from_bytes(mark, 'big'):015d}"


def told(found: Called) -> dict[str, Any]:
    """What a scenario may expect of any call."""
    body = found.body if isinstance(found.body, dict) else {}
    return {"status": found.status, "rule": body.get("rule", "")}


async def call(cast_: Cast, system: str, method: str, path: str, body: Any = None) -> Called:
    """A call with the token that the system holds now, or with none."""
    token = cast_.kept.get(("token", system), "")
    data = b"" if body is None else json.dumps(body).encode()
    return await cast_.stage.call_hub(Call(method, path, token, data))


# ── systems ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def hub_client(cast_: Cast, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """The operator lets a business system in, with these rights or all."""
    code, scopes = cast_.institutions[given["at"]], given["scopes"] or tuple(SCOPES)
    row, secret = await clients.add(
        cast_.stage.hub, code, code_of(cast_, given["system"]), "模擬システム", scopes, given["affairs"]
    )
    cast_.kept["client", given["system"]] = (row.client_id, secret)
    return {"scopes": len(row.scopes.split())}


async def hub_token(cast_: Cast, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """The system asks for a token: with its secret or a wrong one, with the rights it has or with more."""
    name, secret = cast_.kept["client", given["system"]]
    form = {
        "grant_type": "client_credentials",
        "client_id": name,
        "client_secret": "wrong" if given["wrong"] else secret,
    }
    if given["scopes"]:
        form["scope"] = " ".join(given["scopes"])
    kind = "application/x-www-form-urlencoded"
    found = await cast_.stage.call_hub(Call("POST", "/token", "", urlencode(form).encode(), kind))
    if found.status == 200:
        cast_.kept["token", given["system"]] = found.body["access_token"]
    return {"status": found.status, "error": "" if found.status == 200 else found.body.get("error", "")}


async def hub_shut_out(cast_: Cast, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """The operator shuts a system out."""
    row = await clients.revoke(cast_.stage.hub, cast_.kept["client", given["system"]][0])
    return {"revoked": bool(row and row.revoked_at)}


async def hub_call(cast_: Cast, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """The system reads something; with no token when it holds none."""
    return told(await call(cast_, given["system"], "GET", given["path"]))


async def hub_log(cast_: Cast, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the institution's log holds of another system's calls, sorted; read by a system with that right."""
    found = await call(cast_, given["by"], "GET", "/operations?limit=500")
    whose = cast_.kept["client", given["system"]][0]
    rows = found.body["operations"] if found.status == 200 else []
    mine = [one for one in rows if one["client_id"] == whose]
    text = json.dumps(mine).encode()
    return told(found) | {
        "operations": sorted(f"{one['operation']} {one['status']} {one['rule']}".strip() for one in mine),
        "numbers": len(find_individual_numbers(text)),
    }


async def hub_turned_away(cast_: Cast, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """The operator looks at the calls that nobody was let in for: those that bore this system's name."""
    hub = cast_.stage.hub
    rows = await clients.operations(hub, "", hub.now() + DAY_MS, TURNED_AWAY_AT_MOST)
    name = cast_.kept["client", given["system"]][0]
    mine = [f"{one.operation} {one.status} {one.rule}".strip() for one in rows if one.client_id == name]
    return {"operations": sorted(mine)}


# ── numbers ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def hub_register(cast_: Cast, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """A system registers a person, with or without the individual number."""
    body = {
        "business_person_number": business_number_of(cast_, given["person"], given["system"]),
        "attributes": ATTRIBUTES,
    }
    if not given["without_number"]:
        body["individual_number"] = OUTSIDE if given["outside_range"] else number_of(cast_, given["person"])
    found = await call(cast_, given["system"], "POST", "/persons", body)
    known = found.body.get("person") or {}
    if known:
        cast_.kept["integrated", given["person"]] = known["integrated_number"]
    return told(found) | {"created": bool(found.body.get("created")), "numbers": numbers_in(found)}


async def hub_convert(cast_: Cast, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """A system converts one of the three numbers; it is told what it may see, and never an individual number."""
    person, system = given["person"], given["system"]
    value = {
        "business_person_number": business_number_of(cast_, person, system),
        "integrated_number": cast_.kept.get(("integrated", person), ""),
        "individual_number": number_of(cast_, person),
    }[given["given"]]
    found = await call(cast_, system, "POST", "/conversions", {given["given"]: value})
    body = found.body
    return told(found) | {
        "same": body.get("integrated_number", "") == cast_.kept.get(("integrated", person), "-"),
        "own": body.get("business_person_number", "") == business_number_of(cast_, person, system),
        "attributes": bool(body.get("attributes")),
        "numbers": numbers_in(found),
    }


def numbers_in(found: Called) -> int:
    """How many individual numbers an answer shows."""
    return len(find_individual_numbers(json.dumps(found.body, ensure_ascii=False).encode()))


# ── a day's work ─────────────────────────────────────────────────────────────────────────────────────────────────


async def hub_link(cast_: Cast, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """A system registers a resident with their own number: linked where the hub knows them, new where it does not."""
    code, person = cast_.institutions[given["at"]], given["person"]
    resident = cast_.people[person]
    async with cast_.stage.store.transaction() as transaction:
        known: list[HubPerson] = await transaction.rows(HubPerson, [(code, cast_.number_at(code, person))])
    attributes = {name: getattr(known[0], name) for name in ATTRIBUTES} if known else ATTRIBUTES
    body = {
        "business_person_number": business_number_of(cast_, person, given["system"]),
        "individual_number": resident.individual_number,
        "attributes": attributes,
    }
    found = await call(cast_, given["system"], "POST", "/persons", body)
    return told(found) | {"created": bool(found.body.get("created")), "numbers": numbers_in(found)}


async def hub_server(cast_: Cast, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """A system looks whether the intermediate server serves, until it is so; and how much waits to be said to it."""

    async def there() -> Called | None:
        found = await call(cast_, given["system"], "GET", "/intermediate-server")
        return found if found.status == 200 and found.body["state"] == given["state"] else None

    found: Called = await cast_.stage.until(there)
    return {"state": found.body["state"], "waiting": sum(one["messages"] for one in found.body["waiting"])}


async def hub_code(cast_: Cast, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """A system asks for a person's linkage code and waits until the request has ended."""
    number = business_number_of(cast_, given["person"], given["system"])
    asked = await call(cast_, given["system"], "POST", "/codes", {"business_person_number": number})

    async def ended() -> str:
        found = await call(cast_, given["system"], "GET", f"/codes/{number}")
        state = found.body["codes"][0]["state"]
        return state if state in ("ISSUED", "FAILED") else ""

    state = await cast_.stage.until(ended) if asked.status in (200, 202) else ""
    return told(asked) | {"state": state}


async def hub_ask(cast_: Cast, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """A system asks for a person's information; it is taken in, and waits while the server does not serve."""
    made = inquiry_of(cast_, dict.fromkeys(ASKED, "") | dict(given))
    body = {
        "request_id": cast_.own_name(),
        "business_person_number": business_number_of(cast_, given["person"], given["system"]),
        "department_code": made.inquirer_department_code,
        "operator_id": made.inquirer_operator_id,
        "affair_code": made.affair_code,
        "procedure_code": made.procedure_code,
        "kinds": [
            {"provider_institution_code": one.provider_institution_code, "spi_name_code": one.spi_name_code}
            for one in made.kinds
        ],
    }
    found = await call(cast_, given["system"], "POST", "/inquiries", body)
    again = await call(cast_, given["system"], "POST", "/inquiries", body)
    if found.status == 202:
        name = found.body["inquiry_id"]
        cast_.inquiries[cast_.step] = made._replace(record_identification_number=name)
    same = again.status == 200 and again.body["inquiry_id"] == found.body["inquiry_id"]
    return told(found) | {"same_again": same}


async def hub_answer(cast_: Cast, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """The system fetches the answer of an inquiry, once it is there."""
    name = cast_.inquiries[given["of"]].record_identification_number

    async def there() -> Called | None:
        found = await call(cast_, given["system"], "GET", f"/inquiries/{name}")
        return found if found.body.get("kinds") else None

    found: Called = await cast_.stage.until(there)
    kind = found.body["kinds"][0]
    return {"outcome": kind["outcome"], "records": len(kind["records"]), "numbers": numbers_in(found)}


async def hub_copy(cast_: Cast, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """A system sends a person's sub-copy and waits until the server has taken it in."""
    kind, system = KIND_OF[given["kind"]], given["system"]
    copy = cast_.stage.world.copy_of(cast_.people[given["person"]], kind)
    items = [{"code": one.code, "value": one.value, "absence": one.absence} for one in copy.items]
    items[0]["value"] = given["value"]
    body = {
        "layout_version": copy.layout_version,
        "valid_from": copy.valid_from,
        "publication_from": copy.publication_from,
        "items": items,
    }
    path = f"/copies/{kind}/{business_number_of(cast_, given['person'], system)}/{copy.record_key}"
    sent = await call(cast_, system, "PUT", path, body)

    async def ended() -> str:
        found = await call(cast_, system, "GET", path)
        return found.body["state"] if found.body["state"] not in ("WAITING", "RUNNING") else ""

    return told(sent) | {"state": await cast_.stage.until(ended)}


# ── characters ───────────────────────────────────────────────────────────────────────────────────────────────────


async def hub_file(cast_: Cast, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """A system has a file converted. Its bytes are the text in the source set, or the hex digits that are given."""
    data = bytes.fromhex(given["hex"]) if given["hex"] else given["text"].encode(CHARSETS[given["source"]])
    query = f"source={given['source']}&target={given['target']}&gaiji={quote(given['gaiji'])}"
    token = cast_.kept.get(("token", given["system"]), "")
    path = f"/file-conversions?{query}"
    found = await cast_.stage.call_hub(Call("POST", path, token, data, "application/octet-stream"))
    body = found.body
    content = base64.b64decode(body.get("content", "")) if found.status == 200 else b""
    findings = body.get("findings", [])
    return told(found) | {
        "refused": bool(body.get("refused")),
        "text": content.decode(CHARSETS[given["target"]]),
        "hex": content.hex(),
        "findings": [
            f"{one['line']}:{one['column']} {one['seen']} {one['what']} {one['put']}".strip() for one in findings
        ],
    }


def finding_told(one: Mapping[str, Any]) -> str:
    """A finding as scenario files expect it: place, character, what it is, and what stands there now."""
    return f"{one['line']}:{one['column']} {one['seen']} {one['what']} {one['put']}".strip()


SYSTEM = TEXT_WANTED
CALL = ("status", "rule")
SET = Argument(default="CP932", choices=tuple(CHARSETS))

HUB_VERBS: Mapping[str, Verb] = {
    "hub_client": Verb(
        "業務システムを登録する / let a business system in",
        {"at": AT, "system": SYSTEM, "scopes": TEXTS, "affairs": TEXTS},
        ("scopes",),
        hub_client,
    ),
    "hub_token": Verb(
        "トークンを求める / ask for a token",
        {"system": SYSTEM, "wrong": FLAG, "scopes": TEXTS},
        ("status", "error"),
        hub_token,
    ),
    "hub_shut_out": Verb("システムを失効させる / shut a system out", {"system": SYSTEM}, ("revoked",), hub_shut_out),
    "hub_call": Verb("システムが参照する / a system reads", {"system": SYSTEM, "path": TEXT_WANTED}, CALL, hub_call),
    "hub_log": Verb(
        "業務システムの操作記録を見る / look at the log of a system's calls",
        {"by": SYSTEM, "system": SYSTEM},
        (*CALL, "operations", "numbers"),
        hub_log,
    ),
    "hub_turned_away": Verb(
        "断られた接続を見る / look at who was turned away", {"system": SYSTEM}, ("operations",), hub_turned_away
    ),
    "hub_register": Verb(
        "付番・紐付けする / number a person, or link one",
        {"system": SYSTEM, "person": PERSON, "without_number": FLAG, "outside_range": FLAG},
        (*CALL, "created", "numbers"),
        hub_register,
    ),
    "hub_convert": Verb(
        "番号を変換する / convert a number",
        {
            "system": SYSTEM,
            "person": PERSON,
            "given": Argument(
                default="business_person_number",
                choices=("business_person_number", "integrated_number", "individual_number"),
            ),
        },
        (*CALL, "same", "own", "attributes", "numbers"),
        hub_convert,
    ),
    "hub_link": Verb(
        "住民を登録する / register a resident",
        {"at": AT, "system": SYSTEM, "person": PERSON},
        (*CALL, "created", "numbers"),
        hub_link,
    ),
    "hub_server": Verb(
        "中間サーバーの稼働状況を見る / look whether the server serves",
        {"system": SYSTEM, "state": Argument(default="ONLINE", choices=tuple(one.value for one in ServerState))},
        ("state", "waiting"),
        hub_server,
    ),
    "hub_code": Verb(
        "符号取得を求める / ask for a linkage code", {"system": SYSTEM, "person": PERSON}, (*CALL, "state"), hub_code
    ),
    "hub_ask": Verb(
        "業務システムが照会する / a system asks",
        {"system": SYSTEM, "person": PERSON, "by": INSTITUTION, "of": INSTITUTION, "kind": KIND},
        (*CALL, "same_again"),
        hub_ask,
        asks=True,
    ),
    "hub_answer": Verb(
        "業務システムが結果を受け取る / a system fetches the answer",
        {"system": SYSTEM, "of": STEP},
        ("outcome", "records", "numbers"),
        hub_answer,
    ),
    "hub_copy": Verb(
        "業務システムが副本を送る / a system sends a sub-copy",
        {"system": SYSTEM, "person": PERSON, "kind": KIND, "value": TEXT_WANTED},
        (*CALL, "state"),
        hub_copy,
    ),
    "hub_file": Verb(
        "ファイルの文字コードを変換する / convert a file's characters",
        {
            "system": SYSTEM,
            "text": TEXT,
            "hex": TEXT,
            "source": SET,
            "target": Argument(default="UTF-8", choices=tuple(CHARSETS)),
            "gaiji": Argument(default="REJECT", choices=("REJECT", "SUBSTITUTE")),
        },
        (*CALL, "refused", "text", "hex", "findings"),
        hub_file,
    ),
}
