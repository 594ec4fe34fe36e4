"""The words of every page: what happened and what to do, for a reader in a hurry.

A language is one more `Catalogue` in `CATALOGUES`, with the same pages.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Page(StrEnum):
    """Every page we answer with."""

    SIGN_IN_FAILED = "sign_in_failed"
    OTHER_BROWSER = "other_browser"
    STATE_EXPIRED = "state_expired"
    CREDENTIALS_OWED = "credentials_owed"
    NO_AUTHENTICATION_INSTANT = "no_authentication_instant"
    PROVIDER_UNAVAILABLE = "provider_unavailable"
    STORE_UNAVAILABLE = "store_unavailable"
    LOOP = "loop"
    FRAMED = "framed"
    SIGN_OUT = "sign_out"
    SIGN_OUT_EVERYWHERE = "sign_out_everywhere"
    SIGNED_OUT = "signed_out"
    NO_ACCESS = "no_access"
    DEVICE_UNREGISTERED = "device_unregistered"
    CHANGE_MADE = "change_made"
    CHANGE_NOT_MADE = "change_not_made"
    CHANGE_NOT_CONFIRMED = "change_not_confirmed"
    FORM_KEPT = "form_kept"
    FORM_NOT_KEPT = "form_not_kept"
    FORM_TOO_LARGE = "form_too_large"
    FORM_NO_ROOM = "form_no_room"
    FORM_GONE = "form_gone"
    FORM_OF_ANOTHER = "form_of_another"
    FORBIDDEN = "forbidden"
    BAD_REQUEST = "bad_request"
    NOT_FOUND = "not_found"
    UNKNOWN_HOST = "unknown_host"
    UPSTREAM_UNREACHABLE = "upstream_unreachable"
    UPSTREAM_TIMEOUT = "upstream_timeout"
    UPSTREAM_BUSY = "upstream_busy"


@dataclass(frozen=True, slots=True)
class PageText:
    """One page's words: its heading, what happened, what to do now."""

    title: str
    happened: str
    advice: str


@dataclass(frozen=True, slots=True)
class Labels:
    """The words that pages share. `signed_in_as` stands before a name, `reference` before the reference."""

    retry: str
    sign_in: str
    sign_in_outside: str
    sign_out: str
    sign_out_everywhere: str
    other_account: str
    cancel: str
    send_on: str
    discard: str
    home: str
    back: str
    signed_in_as: str
    reference: str


@dataclass(frozen=True, slots=True)
class Catalogue:
    """One language's words. `language` is a BCP 47 tag."""

    language: str
    labels: Labels
    pages: Mapping[Page, PageText]


ENGLISH = Catalogue(
    language="en",
    labels=Labels(
        retry="Try again",
        sign_in="Sign in",
        sign_in_outside="Open the sign-in page",
        sign_out="Sign out",
        sign_out_everywhere="Sign out everywhere",
        other_account="Sign in with another account",
        cancel="Stay signed in",
        send_on="Send it now",
        discard="Do not send it",
        home="Open the application",
        back="Back to administration",
        signed_in_as="You are signed in as",
        reference="If you need help, tell your administrator this reference:",
    ),
    pages={
        Page.SIGN_IN_FAILED: PageText(
            "Sign-in was not completed",
            "The sign-in service answered, but the answer could not be used.",
            "Try again. If this page comes back, your administrator can see the reason in the log.",
        ),
        Page.OTHER_BROWSER: PageText(
            "This sign-in was started elsewhere",
            "The sign-in was started in another browser, in a private window, or on another computer.",
            "Sign in here, in this window, from the beginning.",
        ),
        Page.STATE_EXPIRED: PageText(
            "The sign-in took too long",
            "A sign-in has to be finished within 10 minutes, and this one is over.",
            "Sign in once more. A bookmark of the sign-in page does not work: bookmark the application instead.",
        ),
        Page.CREDENTIALS_OWED: PageText(
            "Please type your password",
            "Your last session reached its time limit or was ended, and the sign-in service let you back in without "
            "asking for your password.",
            "Try again and type your password when asked. If you are not asked, close every browser window first.",
        ),
        Page.NO_AUTHENTICATION_INSTANT: PageText(
            "Your sign-in cannot be confirmed",
            "You must enter your credentials again, and the sign-in service does not say when you entered them.",
            "Trying again does not help. Tell your administrator the reference below: the sign-in service must send "
            "the claim auth_time.",
        ),
        Page.PROVIDER_UNAVAILABLE: PageText(
            "The sign-in service does not answer",
            "We cannot reach the service that checks your user name and password. People who are already signed in can "
            "go on working.",
            "Wait a minute, then try again.",
        ),
        Page.STORE_UNAVAILABLE: PageText(
            "One moment, please",
            "We cannot check your session right now. You have not been signed out.",
            "Wait a few seconds, then try again.",
        ),
        Page.LOOP: PageText(
            "Signing in goes round in circles",
            "You signed in several times within a few seconds, and each time you were asked again. We stopped here.",
            "Check that this browser accepts cookies from this site and that your computer's clock is right, then try "
            "again.",
        ),
        Page.FRAMED: PageText(
            "Please sign in",
            "This part of the page needs you to be signed in, and signing in does not work inside a frame.",
            "Open the sign-in page. It takes the place of the whole window, so finish what you are typing first.",
        ),
        Page.SIGN_OUT: PageText(
            "Sign out?",
            "You will be signed out of this application in every tab of this browser, and of the sign-in service.",
            "Save your work first.",
        ),
        Page.SIGN_OUT_EVERYWHERE: PageText(
            "Sign out everywhere?",
            "You will be signed out of this application in every browser and on every computer, and of the sign-in "
            "service. Coming back takes your password.",
            "Save your work first, in your other browsers too.",
        ),
        Page.SIGNED_OUT: PageText(
            "You are signed out",
            "Your session has ended.",
            "If others use this computer, close every browser window too.",
        ),
        Page.NO_ACCESS: PageText(
            "You have no access to this",
            "You are signed in, but your account may not open this page.",
            "Ask your administrator for access, or sign in with another account.",
        ),
        Page.DEVICE_UNREGISTERED: PageText(
            "This browser cannot be used here",
            "Your organization asks that a session be tied to this computer, and this browser did not do so within a "
            "minute of signing in.",
            "Sign in once more. If this page comes back, use a browser that supports device bound sessions, such as a "
            "current Chrome or Edge, or ask your administrator.",
        ),
        Page.FORM_KEPT: PageText(
            "Send what you entered?",
            "Your session had ended when you sent a form, so it was kept for you. It has not reached the application.",
            "Send it now, or leave it. It is kept for 10 minutes from when you sent it.",
        ),
        Page.FORM_NOT_KEPT: PageText(
            "You are not signed in",
            "What you entered was not sent, because your session has ended. It is still in this browser: Back shows it "
            "again.",
            "Sign in, which opens another tab. Then come back to this one, press Back, and send it again.",
        ),
        Page.FORM_TOO_LARGE: PageText(
            "You are not signed in",
            "What you entered was not sent, because your session has ended, and it is too large to be kept here. It is "
            "still in this browser: Back shows it again.",
            "Sign in, which opens another tab. Then come back to this one, press Back, and send it again.",
        ),
        Page.FORM_NO_ROOM: PageText(
            "You are not signed in",
            "What you entered was not sent, because your session has ended, and there is no room left to keep it here. "
            "It is still in this browser: Back shows it again.",
            "Sign in, which opens another tab. Then come back to this one, press Back, and send it again.",
        ),
        Page.FORM_GONE: PageText(
            "There is no form to send",
            "It was sent already, or it was kept for 10 minutes and those are over.",
            "Look in the application whether it arrived. If not, enter it again.",
        ),
        Page.FORM_OF_ANOTHER: PageText(
            "That form was somebody else's",
            "A form was kept for another user of this browser. You cannot see it, it was not sent, and it is deleted.",
            "Go on in the application.",
        ),
        Page.FORBIDDEN: PageText(
            "This was not allowed",
            "The request did not come from a page of this site, so nothing was done.",
            "Go back to the application and do it from there.",
        ),
        Page.BAD_REQUEST: PageText(
            "This address cannot be used",
            "The request was not clear enough to be passed on. Nothing was done.",
            "Check the address, or open the application from its start page. If this page stays, delete this site's "
            "cookies.",
        ),
        Page.CHANGE_MADE: PageText(
            "Your change was made",
            "You signed in and confirmed this change.",
            "If you did not request it, report it, and go back to earlier settings on the History page. A script of "
            "the application on this address can request changes in your name.",
        ),
        Page.CHANGE_NOT_MADE: PageText(
            "Your change was not made",
            "You are signed in, but the change could not be made.",
            "Go back, look at the values as they are now, and save again.",
        ),
        Page.CHANGE_NOT_CONFIRMED: PageText(
            "Your change was not made",
            "This sign-in did not confirm the change, so nothing was changed.",
            "Save the change again, and sign in within 10 minutes, as the same user, with your credentials.",
        ),
        Page.NOT_FOUND: PageText(
            "There is nothing here",
            "This address leads nowhere.",
            "Check the address, or open the application from its start page.",
        ),
        Page.UNKNOWN_HOST: PageText(
            "No application at this address",
            "This server answers for other addresses, but not for this one.",
            "Check the address for a typing mistake.",
        ),
        Page.UPSTREAM_UNREACHABLE: PageText(
            "The application does not answer",
            "The application cannot be reached, or its answer was cut off. You are still signed in.",
            "Wait a minute, then try again. If you were saving something, check first whether it was saved.",
        ),
        Page.UPSTREAM_TIMEOUT: PageText(
            "The application took too long",
            "The application got your request but did not answer in time. You are still signed in.",
            "If you were saving something, check first whether it was saved. Then try again.",
        ),
        Page.UPSTREAM_BUSY: PageText(
            "The application is very busy",
            "Too many people are waiting for the application. Your request was not sent. You are still signed in.",
            "Wait a few seconds, then try again.",
        ),
    },
)

CATALOGUES: Mapping[str, Catalogue] = {ENGLISH.language: ENGLISH}
