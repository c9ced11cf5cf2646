"""The shapes of Stripe's objects as they are first made.

How they change later is decided elsewhere (`lifecycle`, `refunds`). Fields follow the classes of
the SDK, which a test holds them against. Disputes have a module of their own.
"""

from .calls import Call
from .ids import new_client_secret, new_id
from .records import Json

SESSION = "checkout.session"
PAYMENT_INTENT = "payment_intent"
CHARGE = "charge"
REFUND = "refund"
DISPUTE = "dispute"
BALANCE_TRANSACTION = "balance_transaction"
EVENT = "event"

DELAYED_METHOD = "us_bank_account"
_OFFERED_METHODS = ["card", DELAYED_METHOD]
_ADDRESS = {
    "city": "Springfield",
    "country": "US",
    "line1": "1 Test Street",
    "line2": None,
    "postal_code": "12345",
    "state": "OR",
}
_BUYER_NAME = "Test Buyer"


def checkout_session(call: Call, params: Json, totals: Json, expires_at: int) -> Json:
    """Make an open session; `totals` has `currency` and `total`, `params` are checked ones."""
    session_id = new_id("cs_test_a1")
    email = params.get("customer_email")
    return {
        "id": session_id,
        "object": SESSION,
        "adaptive_pricing": {"enabled": False},
        "after_expiration": None,
        "allow_promotion_codes": params.get("allow_promotion_codes"),
        "amount_subtotal": totals["total"],
        "amount_total": totals["total"],
        "automatic_tax": {"enabled": False, "liability": None, "provider": None, "status": None},
        "billing_address_collection": params.get("billing_address_collection"),
        "branding_settings": None,
        "cancel_url": params.get("cancel_url"),
        "client_reference_id": params.get("client_reference_id"),
        "client_secret": None,
        "collected_information": None,
        "consent": None,
        "consent_collection": None,
        "created": call.now,
        "currency": totals["currency"],
        "currency_conversion": None,
        "custom_fields": [],
        "custom_text": {
            "after_submit": None,
            "shipping_address": None,
            "submit": None,
            "terms_of_service_acceptance": None,
        },
        "customer": None,
        "customer_account": None,
        "customer_creation": "if_required",
        "customer_details": None if email is None else _customer_details(email),
        "customer_email": email,
        "discounts": [],
        "expires_at": expires_at,
        "integration_identifier": params.get("integration_identifier"),
        "invoice": None,
        "invoice_creation": {
            "enabled": False,
            "invoice_data": {
                "account_tax_ids": None,
                "custom_fields": None,
                "description": None,
                "footer": None,
                "issuer": None,
                "metadata": {},
                "rendering_options": None,
            },
        },
        "livemode": False,
        "locale": params.get("locale"),
        "metadata": params.get("metadata", {}),
        "mode": "payment",
        "origin_context": params.get("origin_context"),
        "payment_intent": None,
        "payment_link": None,
        "payment_method_collection": "if_required",
        "payment_method_configuration_details": None,
        "payment_method_options": {},
        "payment_method_types": _OFFERED_METHODS,
        "payment_status": "unpaid" if totals["total"] else "no_payment_required",
        "permissions": None,
        "phone_number_collection": {"enabled": False},
        "recovered_from": None,
        "saved_payment_method_options": None,
        "setup_intent": None,
        "shipping_address_collection": None,
        "shipping_cost": None,
        "shipping_options": [],
        "status": "open",
        "submit_type": params.get("submit_type"),
        "subscription": None,
        "success_url": params["success_url"],
        "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
        "ui_mode": "hosted_page",
        "url": f"{call.base_url}/c/pay/{session_id}",
        "wallet_options": None,
    }


def complete_session(session: Json, email: str) -> None:
    """Fill in what the buyer has entered; a completed session has no page to pay on."""
    session["status"] = "complete"
    session["url"] = None
    session["customer_details"] = {
        **_customer_details(email),
        "address": dict(_ADDRESS),
        "individual_name": _BUYER_NAME,
        "name": _BUYER_NAME,
    }


def _customer_details(email: str) -> Json:
    return {
        "address": None,
        "business_name": None,
        "email": email,
        "individual_name": None,
        "name": None,
        "phone": None,
        "tax_exempt": "none",
        "tax_ids": None,
    }


def payment_intent(call: Call, session: Json, data: Json) -> Json:
    """Make an intent for a session's total, with no charge yet; `data` is `payment_intent_data`."""
    intent_id = new_id("pi_3")
    return {
        "id": intent_id,
        "object": PAYMENT_INTENT,
        "amount": session["amount_total"],
        "amount_capturable": 0,
        "amount_details": {"tip": {}},
        "amount_received": 0,
        "application": None,
        "application_fee_amount": None,
        "automatic_payment_methods": None,
        "canceled_at": None,
        "cancellation_reason": None,
        "capture_method": data.get("capture_method", "automatic_async"),
        "client_secret": new_client_secret(intent_id),
        "confirmation_method": "automatic",
        "created": call.now,
        "currency": session["currency"],
        "customer": None,
        "customer_account": None,
        "description": data.get("description"),
        "excluded_payment_method_types": None,
        "last_payment_error": None,
        "latest_charge": None,
        "livemode": False,
        "metadata": data.get("metadata", {}),
        "next_action": None,
        "on_behalf_of": None,
        "payment_method": None,
        "payment_method_configuration_details": None,
        "payment_method_options": {},
        "payment_method_types": session["payment_method_types"],
        "processing": None,
        "receipt_email": data.get("receipt_email"),
        "review": None,
        "setup_future_usage": None,
        "shipping": None,
        "source": None,
        "statement_descriptor": data.get("statement_descriptor"),
        "statement_descriptor_suffix": data.get("statement_descriptor_suffix"),
        "status": "requires_payment_method",
        "transfer_data": None,
        "transfer_group": data.get("transfer_group"),
    }


def charge(call: Call, intent: Json, session: Json, method: str) -> Json:
    """Make a pending charge of an intent's amount by `card` or by the delayed method."""
    buyer = session["customer_details"]
    return {
        "id": new_id("ch_3"),
        "object": CHARGE,
        "amount": intent["amount"],
        "amount_captured": 0,
        "amount_refunded": 0,
        "application": None,
        "application_fee": None,
        "application_fee_amount": None,
        "balance_transaction": None,
        "billing_details": {
            "address": buyer["address"],
            "email": buyer["email"],
            "name": buyer["name"],
            "phone": None,
            "tax_id": None,
        },
        "calculated_statement_descriptor": intent["statement_descriptor"],
        "captured": False,
        "created": call.now,
        "currency": intent["currency"],
        "customer": None,
        "description": intent["description"],
        "disputed": False,
        "failure_balance_transaction": None,
        "failure_code": None,
        "failure_message": None,
        "fraud_details": {},
        "livemode": False,
        "metadata": intent["metadata"],
        "on_behalf_of": None,
        "outcome": None,
        "paid": False,
        "payment_intent": intent["id"],
        "payment_method": new_id("pm_1"),
        "payment_method_details": _method_details(method, intent["amount"]),
        "presentment_details": None,
        "radar_options": {},
        "receipt_email": intent["receipt_email"],
        "receipt_number": None,
        "receipt_url": None,
        "refunded": False,
        "review": None,
        "shipping": None,
        "source": None,
        "source_transfer": None,
        "statement_descriptor": intent["statement_descriptor"],
        "statement_descriptor_suffix": intent["statement_descriptor_suffix"],
        "status": "pending",
        "transfer_data": None,
        "transfer_group": intent["transfer_group"],
    }


def _method_details(method: str, amount: int) -> Json:
    if method == DELAYED_METHOD:
        account = {
            "account_holder_type": "individual",
            "account_type": "checking",
            "bank_name": "TEST BANK",
            "fingerprint": None,
            "last4": "6789",
            "mandate": None,
            "payment_reference": None,
            "routing_number": "110000000",
        }
        return {"type": method, method: account}
    card = {
        "amount_authorized": amount,
        "authorization_code": None,
        "brand": "visa",
        "checks": {
            "address_line1_check": None,
            "address_postal_code_check": "pass",
            "cvc_check": "pass",
        },
        "country": "US",
        "exp_month": 12,
        "exp_year": 2040,
        "fingerprint": None,
        "funding": "credit",
        "installments": None,
        "last4": "4242",
        "mandate": None,
        "network": "visa",
        "network_token": None,
        "network_transaction_id": None,
        "regulated_status": "unregulated",
        "three_d_secure": None,
        "wallet": None,
    }
    return {"type": method, method: card}


def charge_outcome(*, succeeded: bool) -> Json:
    """Make what the network said of a charge."""
    return {
        "advice_code": None,
        "network_advice_code": None,
        "network_decline_code": None,
        "network_status": "approved_by_network" if succeeded else "declined_by_network",
        "reason": None if succeeded else "generic_decline",
        "risk_level": "normal",
        "risk_score": 10,
        "seller_message": "Payment complete." if succeeded else "The bank returned the debit.",
        "type": "authorized" if succeeded else "issuer_declined",
    }


def refund(call: Call, charge: Json, amount: int, params: Json) -> Json:
    """Make a refund that is pending; `params` may have `metadata` and `reason`."""
    method = charge["payment_method_details"]["type"]
    destination: Json = {"type": method}
    if method == "card":
        destination["card"] = {
            "reference_status": "pending",
            "reference_type": "acquirer_reference_number",
            "type": "refund",
        }
    return {
        "id": new_id("re_3"),
        "object": REFUND,
        "amount": amount,
        "balance_transaction": None,
        "charge": charge["id"],
        "created": call.now,
        "currency": charge["currency"],
        "customer": None,
        "customer_account": None,
        "destination_details": destination,
        "metadata": params.get("metadata") or {},
        "payment_intent": charge["payment_intent"],
        "payment_method": charge["payment_method"],
        "pending_reason": "processing",
        "reason": params.get("reason"),
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": "pending",
        "transfer_reversal": None,
    }
