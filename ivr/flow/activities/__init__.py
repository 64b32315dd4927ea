"""The activities that a flow can be made of: one module each."""

from __future__ import annotations

from collections.abc import Mapping

from ivr.flow.activities.base import Activity
from ivr.flow.activities.blind_transfer import BlindTransfer
from ivr.flow.activities.business_hours import BusinessHours
from ivr.flow.activities.callback import Callback
from ivr.flow.activities.case import Case
from ivr.flow.activities.collect_digits import CollectDigits
from ivr.flow.activities.condition import Condition
from ivr.flow.activities.disconnect import Disconnect
from ivr.flow.activities.end import End
from ivr.flow.activities.fail import Fail
from ivr.flow.activities.http_request import HttpRequest
from ivr.flow.activities.menu import Menu
from ivr.flow.activities.parse import Parse
from ivr.flow.activities.play_message import PlayMessage
from ivr.flow.activities.play_music import PlayMusic
from ivr.flow.activities.post_comments import PostComments
from ivr.flow.activities.queue_contact import QueueContact
from ivr.flow.activities.queue_lookup import QueueLookup
from ivr.flow.activities.queue_to_agent import QueueToAgent
from ivr.flow.activities.salesforce_find import SalesforceFind
from ivr.flow.activities.salesforce_open_cases import SalesforceOpenCases
from ivr.flow.activities.screen_pop import ScreenPop
from ivr.flow.activities.set_variable import SetVariable
from ivr.flow.activities.start import Start
from ivr.flow.activities.sub_flow import SubFlow

Registry = Mapping[str, type[Activity]]

_ACTIVITIES: tuple[type[Activity], ...] = (
    BlindTransfer, BusinessHours, Callback, Case, CollectDigits, Condition, Disconnect, End, Fail,
    HttpRequest, Menu, Parse, PlayMessage, PlayMusic, PostComments, QueueContact, QueueLookup, QueueToAgent,
    SalesforceFind, SalesforceOpenCases, ScreenPop, SetVariable, Start, SubFlow,
)  # fmt: skip


def registry() -> Registry:
    """Every activity by its type's name."""
    return {activity.type: activity for activity in _ACTIVITIES}
