"""Three purchases: a working card, a declined card, a card with 3-D Secure. Then the tasks of staff."""

from collections.abc import Callable

from rich.console import Console

from local.demo.shop import Json, Shop, ShopError

PRODUCT = "prod-123"
QUANTITY = 2
RESTOCK = 24


class Story:
    """Runs the steps and prints their results."""

    def __init__(self, shop: Shop, console: Console) -> None:
        self._shop = shop
        self._console = console
        self._bought: tuple[Json, Json] = ({}, {})
        """The successful order, and its payment."""

    def tell(self) -> None:
        """Run all steps. Raises ShopError at the first unexpected result."""
        self._console.rule("[bold]A customer")
        user = self._shop.register()
        self._say("POST /users/register", f"{user['firstName']} is {user['id']}, signed in by a token")
        self._chapter("A card that works", "confirmed", self._visa)
        self._chapter("A card that is declined", "cancelled", self._declined)
        self._chapter("A card that asks for 3-D Secure", "confirmed", self._challenged)
        self._console.rule("[bold]Staff")
        self._staff()

    def _chapter(self, title: str, ends: str, steps: Callable[[Json], None]) -> None:
        self._console.rule(f"[bold]{title}")
        product = self._shop.product(PRODUCT)
        self._say("GET /products", f"{product['name']}: {product['price']} USD, {product['available']} available")
        order = self._shop.order(PRODUCT, QUANTITY, product["price"])
        self._say("POST /orders", f"order {order['id']}: {order['totalAmount']} {order['currency']}, {order['status']}")
        self._stock(product["available"] - QUANTITY, "held for the order")
        with self._shop.watch(order, ends, self._seen):
            steps(order | {"before": product["available"]})

    def _seen(self, order: Json) -> None:
        """Print the states that the open watch receives."""
        self._say("GET /orders/{id}:watch", f"[bold]{order['status']}[/]")

    def _visa(self, order: Json) -> None:
        payment = self._pay(order, "pm_card_visa", "succeeded")
        self._bought = (order, payment)
        self._say("Stripe", f"payment {payment['paymentId']} took {payment['amount']} {payment['currency']}")
        self._confirmed(order)

    def _staff(self) -> None:
        order, payment = self._bought
        staff = self._shop.hire()
        self._say("argosy staff grant", f"{staff.email} is staff, and signs in")
        before = self._shop.product(PRODUCT)["available"]
        move = staff.restock(PRODUCT, RESTOCK, "delivery 42")
        self._say("POST /products/{id}/stock", f"{move['delta']} more: {move['onHand']} in stock, {move['held']} held")
        self._stock(before + RESTOCK, "restocked")
        moves = ", ".join(
            f"{one['kind']} {one['delta']:+}/{one['heldDelta']:+}" for one in staff.last_moves(PRODUCT, 3)
        )
        self._say("GET …/stock-moves", f"in stock/held, newest first: {moves}")
        for status in ("shipped", "delivered"):
            staff.move(order, status)
            self._shop.order_with_status(order, status)
            self._say("PATCH /orders/{id}/status", f"order {order['id']} is {status}")
        self._mail("Your order has shipped", order)
        refund = staff.refund(payment, 5.00, "arrived with a dent")
        self._expect(refund["status"], "succeeded", "refund")
        self._say("POST /payments/{id}/refunds", f"{refund['amount']} {refund['currency']} go back: {refund['reason']}")
        self._mail("Your refund is on its way", order)
        seen = staff.payment(payment)
        self._expect(seen["status"], "partially_refunded")
        self._say("GET /payments/{id}", f"{seen['status']}; Stripe kept {seen['providerFee']} of {seen['amount']}")

    def _declined(self, order: Json) -> None:
        payment = self._pay(order, "pm_card_visa_chargeDeclinedInsufficientFunds", "failed")
        self._say("Stripe", f"declined: {payment['declineCode']}")
        self._shop.order_with_status(order, "cancelled")
        self._say("payment-events", "PAYMENT_FAILED → the order is cancelled")
        self._stock(order["before"], "the stock is back")
        self._mail("Your order has been cancelled", order)

    def _challenged(self, order: Json) -> None:
        payment = self._pay(order, "pm_card_authenticationRequired", "requires_action")
        self._say("Stripe", "wants the cardholder to be asked; the order waits")
        page = self._shop.approve_challenge(payment)
        self._say("the bank's page", f"approved at {page}")
        confirmed = self._shop.confirm(payment)
        self._expect(confirmed["status"], "succeeded")
        self._say("POST /payments/{id}:confirm", "the payment succeeded")
        self._confirmed(order)

    def _pay(self, order: Json, card: str, status: str) -> Json:
        payment = self._shop.pay(order, card)
        self._say("POST /payments", f"{card}: {payment['status']}")
        self._expect(payment["status"], status)
        return payment

    def _confirmed(self, order: Json) -> None:
        self._shop.order_with_status(order, "confirmed")
        self._say("payment-events", "PAYMENT_CONFIRMED → the order is confirmed")
        self._stock(order["before"] - QUANTITY, "the stock is sold")
        self._mail("Your order is confirmed", order)

    def _stock(self, available: int, why: str) -> None:
        self._shop.product_with_available(PRODUCT, available)
        self._say("GET /products", f"{available} available: {why}")

    def _mail(self, subject: str, order: Json) -> None:
        mail = self._shop.mail(subject, order)
        self._say("mail", f"“{mail['subject']}” to {mail['to'][0]}")

    def _say(self, where: str, what: str) -> None:
        self._console.print(f"  [cyan]{where:28}[/] {what}", highlight=False, soft_wrap=True)

    def _expect(self, found: str, expected: str, what: str = "payment") -> None:
        if found != expected:
            raise ShopError(f"the {what} is {found}, not {expected}")
