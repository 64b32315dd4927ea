"""What the org says of itself: versions, objects, fields, limits."""

from __future__ import annotations

from ivr.salesforce.simulator.fields import Field, Kind, SObject
from ivr.salesforce.simulator.policy import ORGANIZATION_ID, USER_ID, Identity
from ivr.salesforce.simulator.query import Json
from ivr.salesforce.simulator.schema import Schema

FIRST_VERSION, LAST_VERSION = 31, 67
_SEASONS = ("Spring", "Summer", "Winter")
_SPRING_2014 = 30  # v30.0 was Spring '14


def versions() -> list[Json]:
    """GET /services/data."""
    return [_version(number) for number in range(FIRST_VERSION, LAST_VERSION + 1)]


def _version(number: int) -> Json:
    years, season = divmod(number - _SPRING_2014, 3)
    year = 14 + years + (1 if _SEASONS[season] == "Winter" else 0)
    label = f"{_SEASONS[season]} '{year}"
    return {"label": label, "url": f"/services/data/v{number}.0", "version": f"{number}.0"}


def resources(root: str) -> Json:
    """GET /services/data/vNN.0: what the simulator has of it."""
    names = ("query", "search", "parameterizedSearch", "composite", "sobjects", "limits")
    return {name: f"{root}/{name}" for name in names}


def all_objects(schema: Schema, root: str) -> Json:
    """GET sobjects."""
    return {
        "encoding": "UTF-8",
        "maxBatchSize": 200,
        "sobjects": [_summary(item, root) for item in schema],
    }


def basic(sobject: SObject, root: str) -> Json:
    """GET sobjects/OBJECT."""
    return {"objectDescribe": _summary(sobject, root), "recentItems": []}


def describe(sobject: SObject, schema: Schema, root: str) -> Json:
    """GET sobjects/OBJECT/describe."""
    children = [
        {
            "childSObject": item.name,
            "field": field.name,
            "relationshipName": field.children,
            "cascadeDelete": field.required,
        }
        for item in schema
        for field in item.fields.values()
        if sobject.name in field.references and field.children
    ]
    fields = [_field(field) for field in sobject.fields.values()]
    return {**_summary(sobject, root), "fields": fields, "childRelationships": children}


def _summary(sobject: SObject, root: str) -> Json:
    url = f"{root}/sobjects/{sobject.name}"
    return {
        "name": sobject.name,
        "label": sobject.name,
        "keyPrefix": sobject.prefix,
        "custom": sobject.name.endswith("__c"),
        "queryable": True,
        "retrieveable": True,
        "searchable": sobject.searchable,
        "createable": sobject.createable,
        "updateable": sobject.updateable,
        "deletable": sobject.deletable,
        "urls": {"sobject": url, "describe": f"{url}/describe", "rowTemplate": f"{url}/{{ID}}"},
    }


def _field(field: Field) -> Json:
    return {
        "name": field.name,
        "label": field.label,
        "type": "reference" if field.references else field.kind.lower(),
        "length": field.length if field.kind not in _WITHOUT_LENGTH else 0,
        "byteLength": field.length * (1 if field.length_in_bytes else 3),
        "createable": field.createable,
        "updateable": field.updateable,
        "filterable": field.filterable,
        "sortable": field.filterable,
        "nillable": not field.required and field.kind not in (Kind.BOOLEAN,) and field.name != "Id",
        "defaultedOnCreate": field.default is not None or field.kind is Kind.BOOLEAN,
        "custom": field.name.endswith("__c"),
        "externalId": field.external_id,
        "idLookup": field.external_id or field.name == "Id",
        "unique": field.unique,
        "restrictedPicklist": field.restricted,
        "picklistValues": [
            {"active": True, "defaultValue": value == field.default, "label": value, "value": value}
            for value in field.values
        ],
        "referenceTo": list(field.references),
        "relationshipName": field.relationship,
    }


_WITHOUT_LENGTH = frozenset({Kind.BOOLEAN, Kind.INT, Kind.DATE, Kind.DATETIME})


def limits(used: int, allowed: int) -> Json:
    """GET limits: the part about API requests is kept, the rest is at its maximum."""
    return {
        "DailyApiRequests": {"Max": allowed, "Remaining": max(0, allowed - used)},
        "DataStorageMB": {"Max": 5, "Remaining": 5},
        "FileStorageMB": {"Max": 20, "Remaining": 20},
    }


def user_info(identity: Identity, base: str) -> Json:
    """GET /services/oauth2/userinfo, and the address in `id` of a token answer."""
    return {
        "sub": f"{base}/id/{ORGANIZATION_ID}/{USER_ID}",
        "user_id": USER_ID,
        "organization_id": ORGANIZATION_ID,
        "preferred_username": identity.username,
        "username": identity.username,
        "active": True,
        "urls": {"rest": f"{base}/services/data/v{{version}}/"},
    }
