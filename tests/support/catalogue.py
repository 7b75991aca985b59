"""A small catalogue for tests: one purpose for each kind of rule, in one language."""

import hashlib
from typing import Final

from ledger.domain.catalogue import (
    Balancing,
    Basis,
    Catalogue,
    Controller,
    Hold,
    MessageClass,
    Notice,
    NoticeText,
    Purpose,
    Recipient,
)

__all__ = ["LONG_AGO_MS", "small_catalogue"]

LONG_AGO_MS: Final = 1_577_836_800_000
"""1 January 2020."""
FAR_AHEAD_MS: Final = 4_102_444_800_000
"""1 January 2100."""


def small_catalogue(controller: str = "example", version: int = 1) -> Catalogue:
    """The catalogue, sound, in force since 2020.

    ``newsletter``, ``profiling`` and ``sharing`` rest on consent, ``offers`` (direct marketing) and ``survey`` on
    legitimate interests, ``delivery`` on contract. ``signup@1`` and ``signup@3`` cover the first three,
    ``terms@1`` only ``delivery``. ``invoices``, where it is stated, keeps ``contact`` for ``delivery``.
    """
    return Catalogue(
        format=1,
        version=version,
        controller=Controller(
            name=controller, title="Example AB", contact="privacy@example.com", languages=("en",)
        ),
        channels={"email": _en("E-mail"), "sms": _en("Text message"), "phone": _en("Telephone")},
        categories={"contact": _en("Contact details"), "behaviour": _en("What you read")},
        message_classes={
            "marketing": MessageClass(id="marketing", title=_en("Marketing")),
            "service": MessageClass(id="service", title=_en("Service messages"), declinable=False),
        },
        purposes={purpose.id: purpose for purpose in _purposes()},
        recipients={
            "acme": Recipient(id="acme", title=_en("Acme"), task=_en("Advertising"), country="SE"),
            "globex": Recipient(id="globex", title=_en("Globex"), task=_en("Advertising"), country="SE"),
        },
        groups={"marketing": _en("All marketing")},
        holds={"invoices": _invoices()},
        notices={
            notice.reference: notice
            for notice in (
                _notice("signup", 1, ("newsletter", "profiling", "sharing")),
                _notice("signup", 3, ("newsletter", "profiling", "sharing")),
                _notice("terms", 1, ("delivery",)),
            )
        },
    )


def _purposes() -> tuple[Purpose, ...]:
    balancing = Balancing(reference="lia-2026-1", review_due_ms=FAR_AHEAD_MS)
    return (
        Purpose(
            id="newsletter",
            title=_en("Newsletter"),
            basis=Basis.CONSENT,
            message_class="marketing",
            direct_marketing=True,
            channels=("email", "sms"),
            groups=("marketing",),
        ),
        Purpose(id="profiling", title=_en("Profiling"), basis=Basis.CONSENT, message_class="marketing"),
        Purpose(
            id="sharing",
            title=_en("Sharing with partners"),
            basis=Basis.CONSENT,
            message_class="marketing",
            recipients=("acme", "globex"),
            categories=("contact", "behaviour"),
        ),
        Purpose(
            id="offers",
            title=_en("Offers to customers"),
            basis=Basis.LEGITIMATE_INTERESTS,
            message_class="marketing",
            direct_marketing=True,
            channels=("email",),
            groups=("marketing",),
            balancing=balancing,
        ),
        Purpose(
            id="survey",
            title=_en("Surveys"),
            basis=Basis.LEGITIMATE_INTERESTS,
            message_class="marketing",
            channels=("email",),
            balancing=balancing,
        ),
        Purpose(
            id="delivery",
            title=_en("Delivery"),
            basis=Basis.CONTRACT,
            message_class="service",
            channels=("email", "sms"),
        ),
    )


def _invoices() -> Hold:
    return Hold(
        id="invoices",
        title=_en("Invoices"),
        source="bokföringslagen (1999:1078) 7 kap. 2 §",
        categories=("contact",),
        purposes=("delivery",),
        years=7,
        until_year_end=True,
    )


def _notice(name: str, version: int, purposes: tuple[str, ...]) -> Notice:
    text = f"This is version {version} of {name}."
    digest = hashlib.sha256(text.encode()).hexdigest()
    return Notice(
        id=name,
        version=version,
        purposes=purposes,
        texts={"en": NoticeText(sha256=digest, text=text)},
        effective_from_ms=LONG_AGO_MS,
    )


def _en(text: str) -> dict[str, str]:
    return {"en": text}
