"""Everything a request handler may use, put together by the composition root."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import HTTPConnection

from makegood.accounts.limits import Limits
from makegood.accounts.operator_sign_in import OperatorSignIn
from makegood.accounts.operators import Operators
from makegood.accounts.sign_in import Accounts
from makegood.catalog.products import Products
from makegood.checkout.drafts import Drafts
from makegood.checkout.ordering import Ordering
from makegood.engine import Engine
from makegood.fulfillment.contexts import Workshop
from makegood.fulfillment.downloads import Downloads
from makegood.fulfillment.jobs import Jobs
from makegood.fulfillment.operating import Operating
from makegood.kernel.clock import Clock
from makegood.kernel.database import Database
from makegood.kernel.settings import Settings
from makegood.kernel.signing import Signer
from makegood.notify.alerts import Alerts
from makegood.notify.mails import Mailer
from makegood.orders.links import Links
from makegood.orders.obligations import Obligations
from makegood.payments.inbox import Inbox
from makegood.payments.reconciling import Reconciling
from makegood.payments.refunding import Refunding
from makegood.payments.settling import Settling
from makegood.payments.surplus import Surplus
from makegood.proof.doctor import Doctor
from makegood.storage.objects import ObjectStore
from makegood.storage.orphans import Orphans
from makegood.storage.retention import Retention
from makegood.web.uploads import Uploads


@dataclass(frozen=True, slots=True)
class Services:
    """The shop."""

    settings: Settings
    clock: Clock
    signer: Signer
    database: Database
    engine: Engine
    objects: ObjectStore
    products: Products
    workshop: Workshop
    uploads: Uploads
    links: Links
    accounts: Accounts
    operators: Operators
    operator_sign_in: OperatorSignIn
    limits: Limits
    mailer: Mailer
    drafts: Drafts
    ordering: Ordering
    jobs: Jobs
    obligations: Obligations
    settling: Settling
    inbox: Inbox
    refunding: Refunding
    reconciling: Reconciling
    surplus: Surplus
    downloads: Downloads
    operating: Operating
    alerts: Alerts
    retention: Retention
    orphans: Orphans
    doctor: Doctor


def services(request: HTTPConnection) -> Services:
    """The shop that this request came to."""
    found = request.app.state.services
    if not isinstance(found, Services):
        raise TypeError("the application was not put together by makegood.app")
    return found
