"""Runs the order service: `python -m services.order`."""

from __future__ import annotations

from argosy.inventory.v1.reservation_pb2_grpc import ReservationServiceStub
from argosy.order.v1 import order_lookup_pb2, order_pb2
from argosy.payment.v1.payment_lookup_pb2_grpc import PaymentLookupServiceStub
from services.chassis.app import App
from services.chassis.consumer import Consumer
from services.chassis.mongo import Mongo
from services.chassis.mongo_drifts import MongoDrifts
from services.chassis.paging import SealedTokens
from services.chassis.producer import Producer
from services.chassis.reading import BEGINNING
from services.chassis.reconciliation import Reconciliation
from services.chassis.relay import Relay
from services.chassis.settings import load
from services.chassis.statuses import Catalogue
from services.order.consumers import GROUP, handlers
from services.order.faults import FAULTS
from services.order.inventory import RESERVATIONS, Inventory
from services.order.journal import Journal
from services.order.leases import Leases
from services.order.news import OrderNews
from services.order.outbox import CommitOutbox
from services.order.payments import PAYMENT_LOOKUP, Payments
from services.order.read_side import ReadSide
from services.order.reconciliation import comparisons
from services.order.rpc import OrderLookupRpc, OrderRpc
from services.order.schema import Schema
from services.order.settings import OrderSettings
from services.order.store import CommitStore
from services.order.store_clock import StoreClock
from services.order.sweeper import Sweeper
from services.order.use_cases.apply_payment import ApplyPayment
from services.order.use_cases.end_short import EndShort
from services.order.use_cases.list_orders import ListOrders
from services.order.use_cases.place_order import PlaceOrder
from services.order.use_cases.read_order import ReadOrder
from services.order.use_cases.resolve_orders import ResolveOrders
from services.order.use_cases.settle_unpaid import SettleUnpaid
from services.order.use_cases.update_status import UpdateStatus
from services.order.use_cases.watch_order import WatchOrder


def run(settings: OrderSettings) -> None:
    """Wire the service and serve until a signal."""
    app = App("order", settings)
    mongo = app.add(Mongo(settings.mongo_url))
    clock = app.add(StoreClock(mongo))
    store, read_side, leases = CommitStore(mongo), ReadSide(mongo), Leases(mongo, clock.now)
    app.add(Schema(store, read_side, leases))
    app.background("store clock", clock.run)
    producer = app.add(Producer(settings.brokers, app.name), required=False)
    inventory = Inventory(app.client(ReservationServiceStub, RESERVATIONS, settings.inventory_target))
    payments = Payments(app.client(PaymentLookupServiceStub, PAYMENT_LOOKUP, settings.payment_target))
    outbox = CommitOutbox(store, read_side, leases, clock.now)
    journal = Journal(store, outbox.announce, clock.now)
    place, read, update = PlaceOrder(journal, inventory), ReadOrder(journal), UpdateStatus(journal)
    news = OrderNews(settings.brokers)
    watch = WatchOrder(journal, read, news)
    listing = ListOrders(read_side, SealedTokens(settings.idempotency_secret))
    rpc = OrderRpc(place, read, listing, update, watch, settings.idempotency_secret)
    app.serve(order_pb2.DESCRIPTOR.services_by_name["OrderService"], rpc)
    lookup = OrderLookupRpc(read, ResolveOrders(journal))
    app.serve(order_lookup_pb2.DESCRIPTOR.services_by_name["OrderLookupService"], lookup)
    app.background("relay", Relay(outbox.lease, producer).run)
    app.background("news", news.run)
    settle = SettleUnpaid(journal, read_side, payments, settings.unpaid_after, clock.now)
    app.background("sweeper", Sweeper(leases, settle, every_seconds=settings.sweep_every_seconds).run)
    compared = comparisons(mongo, payments, settings.compare_settled, clock.now)
    reconciliation = Reconciliation(MongoDrifts(mongo, clock.now), settings, *compared)
    app.background("reconciliation", reconciliation.run)
    heard = handlers(ApplyPayment(journal), EndShort(journal))
    Consumer(settings.brokers, GROUP, heard, producer, since=BEGINNING).run_in(app)
    app.run(Catalogue(FAULTS))


if __name__ == "__main__":
    run(load(OrderSettings))
