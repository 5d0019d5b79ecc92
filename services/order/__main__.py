"""Runs the order service: `python -m services.order`."""

from __future__ import annotations

from argosy.inventory.v1.reservation_pb2_grpc import ReservationServiceStub
from argosy.order.v1 import order_lookup_pb2, order_pb2
from argosy.payment.v1.payment_lookup_pb2_grpc import PaymentLookupServiceStub
from services.chassis.app import App
from services.chassis.bus.consumer import Consumer
from services.chassis.bus.producer import Producer
from services.chassis.bus.reading import BEGINNING
from services.chassis.bus.relay import Relay
from services.chassis.data.mongo import Mongo
from services.chassis.data.mongo_drifts import MongoDrifts
from services.chassis.data.paging import SealedTokens
from services.chassis.process.reconciliation import Reconciliation
from services.chassis.process.settings import load
from services.chassis.rpc.dead_letters import DeadLetters
from services.chassis.rpc.drifts import ListDrifts
from services.chassis.rpc.statuses import Catalogue
from services.order.adapters.all_orders import MongoAllOrders
from services.order.adapters.commits import MongoCommits
from services.order.adapters.inventory import RESERVATIONS, GrpcInventory
from services.order.adapters.leases import Leases
from services.order.adapters.news import KafkaOrderNews
from services.order.adapters.outbox import CommitOutbox
from services.order.adapters.page_tokens import SealedAllOrdersTokens, SealedPageTokens
from services.order.adapters.payments import PAYMENT_LOOKUP, GrpcPayments
from services.order.adapters.read_side import MongoReadSide
from services.order.adapters.schema import Schema
from services.order.adapters.store_clock import StoreClock
from services.order.entrypoints.consumers import CONSUMER, handlers
from services.order.entrypoints.errors import STATUSES
from services.order.entrypoints.rpc import OrderLookupRpc, OrderRpc
from services.order.entrypoints.workers import clock_reader, comparisons, pruner, sweeper
from services.order.settings import OrderSettings
from services.order.use_cases.apply_payment import ApplyPaymentHandler
from services.order.use_cases.cancel_short import CancelShortHandler
from services.order.use_cases.cancel_unpaid import CancelUnpaidHandler
from services.order.use_cases.get_order import GetOrderHandler
from services.order.use_cases.get_order_history import GetOrderHistoryHandler
from services.order.use_cases.journal import Journal
from services.order.use_cases.list_all_orders import ListAllOrdersHandler
from services.order.use_cases.list_orders import ListOrdersHandler
from services.order.use_cases.look_up_order import LookUpOrderHandler
from services.order.use_cases.look_up_orders import LookUpOrdersHandler
from services.order.use_cases.place_order import PlaceOrderHandler
from services.order.use_cases.resolve_orders import ResolveOrdersHandler
from services.order.use_cases.update_status import UpdateStatusHandler
from services.order.use_cases.watch_order import WatchOrderHandler


def run(settings: OrderSettings) -> None:
    """Wire the service and serve until a signal."""
    app = App("order", settings)
    mongo = app.add(Mongo(settings.mongo_url))
    clock = app.add(StoreClock(mongo))
    commits, read_side, leases = MongoCommits(mongo), MongoReadSide(mongo, clock.now), Leases(mongo, clock.now)
    app.add(Schema(commits, read_side, leases))
    app.background("store clock", clock_reader(clock).run)
    drifts = MongoDrifts(mongo, clock.now)
    producer = app.add(Producer(settings.brokers, app.name), required=False)
    inventory = GrpcInventory(app.client(ReservationServiceStub, RESERVATIONS, settings.inventory_target))
    payments = GrpcPayments(app.client(PaymentLookupServiceStub, PAYMENT_LOOKUP, settings.payment_target))
    outbox, news = CommitOutbox(commits, read_side, leases, clock.now), KafkaOrderNews(settings.brokers)
    journal = Journal(commits, outbox.announce, clock.now)
    tokens = SealedTokens(settings.idempotency_secret)
    all_orders = MongoAllOrders(mongo, read_side.slices)
    get_order = GetOrderHandler(journal)
    consumed = handlers(ApplyPaymentHandler(journal), CancelShortHandler(journal))
    consumer = Consumer(settings.brokers, CONSUMER, consumed, producer, since=BEGINNING)
    orders = OrderRpc(
        place_order=PlaceOrderHandler(journal, inventory),
        get_order=get_order,
        get_order_history=GetOrderHistoryHandler(journal),
        list_orders=ListOrdersHandler(read_side, SealedPageTokens(tokens)),
        list_all_orders=ListAllOrdersHandler(all_orders, SealedAllOrdersTokens(tokens)),
        update_status=UpdateStatusHandler(journal),
        watch_order=WatchOrderHandler(journal, get_order, news),
        list_drifts=ListDrifts(drifts),
        dead_letters=DeadLetters(consumer.letters),
        idempotency_secret=settings.idempotency_secret,
    )
    app.serve(order_pb2.DESCRIPTOR.services_by_name["OrderService"], orders)
    lookup = OrderLookupRpc(LookUpOrderHandler(journal), LookUpOrdersHandler(journal), ResolveOrdersHandler(journal))
    app.serve(order_lookup_pb2.DESCRIPTOR.services_by_name["OrderLookupService"], lookup)
    app.background("relay", Relay(outbox.lease, producer).run)
    app.background("news", news.run)
    cancel_unpaid = CancelUnpaidHandler(journal, read_side, payments, settings.unpaid_after, clock.now)
    app.background("sweeper", sweeper(cancel_unpaid, leases, settings.sweep_every_seconds).run)
    app.background("pruner", pruner(read_side.slices, clock.now).run)
    compared = comparisons(mongo, payments, inventory, settings.compare_settled, clock.now)
    app.background("reconciliation", Reconciliation(drifts, settings, *compared).run)
    consumer.run_in(app)
    app.run(Catalogue(STATUSES))


if __name__ == "__main__":
    run(load(OrderSettings))
