"""The five companies as the plan knows them: forms, banners, lists, and who holds their customers' data.

What each means is in `deploy/catalogues/`; here stands only which of it the day uses.
"""

from typing import Final, NamedTuple


class Form(NamedTuple):
    """Boxes that people see together: one text, one channel, and a purpose for each box."""

    notice: str
    channel: str | None
    purposes: tuple[str, ...]


class Company(NamedTuple):
    """``sign_up`` has a first form with an answer in every box; the others some people fill in later.

    ``objectable`` is a use that rests on a weighed interest; ``declined_class`` what a general no is said to.
    ``invoices`` is the category that book-keeping law keeps, ``kept_when_stated`` whether that must be said of the
    person; ``minor_holder`` holds data beside the CRM and the mailing list.
    """

    name: str
    title: str
    sign_up: tuple[Form, ...]
    banner: Form
    newsletter: Form
    objectable: tuple[str, str | None]
    declined_class: str
    invoices: str
    kept_when_stated: bool
    minor_holders: tuple[str, ...]

    @property
    def holders(self) -> tuple[str, ...]:
        return ("crm", "mailing_list", *self.minor_holders)

    @property
    def mailing_topic(self) -> str:
        return f"holder.{self.name}.mailing-list"


MILKINGCLOUD: Final = Company(
    name="milkingcloud",
    title="MilkingCloud",
    sign_up=(
        Form("offers@2", "email", ("mc.offers",)),
        Form("offers@2", "sms", ("mc.offers",)),
        Form("offers@2", "phone", ("mc.offers",)),
        Form("offers@2", "web", ("mc.relevance",)),
    ),
    banner=Form(
        "cookies@1", "web", ("mc.cookies.google", "mc.cookies.mixpanel", "mc.cookies.singular", "mc.ads")
    ),
    newsletter=Form("newsletter@1", "email", ("mc.newsletter",)),
    objectable=("mc.improve", None),
    declined_class="promotion",
    invoices="invoices",
    kept_when_stated=True,
    minor_holders=("contest_vendor", "registry"),
)
KLINGIT: Final = Company(
    name="klingit",
    title="Klingit",
    sign_up=(
        Form("signup@2", "email", ("kl.promo", "kl.analysis")),
        Form("signup@2", "phone", ("kl.promo",)),
    ),
    banner=Form("cookies@1", "web", ("kl.cookies.analysis", "kl.cookies.marketing", "kl.cookies.personal")),
    newsletter=Form("signup@2", "email", ("kl.promo",)),
    objectable=("kl.improve", None),
    declined_class="promotion",
    invoices="invoices",
    kept_when_stated=True,
    minor_holders=("sopro",),
)
HOSTING: Final = Company(
    name="hosting",
    title="Webbhotellet",
    sign_up=(
        Form("order@2", "email", ("ho.offers", "ho.share")),
        Form("order@2", "phone", ("ho.offers",)),
    ),
    banner=Form("cookies@1", "web", ("ho.cookies.optimise",)),
    newsletter=Form("order@2", "email", ("ho.offers",)),
    objectable=("ho.general-mail", "email"),
    declined_class="promotion",
    invoices="invoices",
    kept_when_stated=False,
    minor_holders=("registrar",),
)
OMILON: Final = Company(
    name="omilon",
    title="Omilon",
    sign_up=(
        Form("activities@2", "email", ("om.newsletter", "om.offer", "om.survey", "om.panel")),
        Form("personal@1", "web", ("om.recommend",)),
        Form("activities@2", "phone", ("om.offer",)),
    ),
    banner=Form("cookies@1", "web", ("om.cookies.stats", "om.pixels.marketing")),
    newsletter=Form("activities@2", "email", ("om.newsletter",)),
    objectable=("om.improve", None),
    declined_class="promotion",
    invoices="invoice",
    kept_when_stated=False,
    minor_holders=("panel",),
)
LEETCOM: Final = Company(
    name="leetcom",
    title="Leetcom",
    sign_up=(
        Form(
            "promotion@2",
            "email",
            ("le.marketing.newsletter", "le.marketing.event", "le.marketing.contest", "le.marketing.offer"),
        ),
        Form("testimonial@1", "web", ("le.testimonial.anonymous", "le.testimonial.named")),
    ),
    banner=Form(
        "cookies@1", "web", ("le.cookies.function", "le.cookies.analytics", "le.cookies.ads", "le.widgets")
    ),
    newsletter=Form("promotion@2", "email", ("le.marketing.newsletter",)),
    objectable=("le.tips", "email"),
    declined_class="newsletters",
    invoices="invoices",
    kept_when_stated=True,
    minor_holders=("app_maker",),
)
COMPANIES: Final = (MILKINGCLOUD, KLINGIT, HOSTING, OMILON, LEETCOM)

LATE_HOLDER: Final = (MILKINGCLOUD, "contest_vendor")
"""Down since the night, and up again in the afternoon."""

WITHOUT_CHANNEL: Final = frozenset({"kl.analysis", "ho.share", "mc.improve", "kl.improve", "om.improve"})
"""Purposes that are asked about without a channel."""


def channel_for(purpose: str, channel: str | None) -> str | None:
    """The channel that acts and questions name for a purpose of a form."""
    return None if purpose in WITHOUT_CHANNEL else channel
