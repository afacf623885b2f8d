"""What the demo's help desks are full of: people, and what they talk about. Data only."""

from dataclasses import dataclass
from typing import Final

PEOPLE: Final = (
    ("nora", "Nora Lind", "agent"),
    ("tomas", "Tomás Vega", "agent"),
    ("ines", "Ines Okoro", "viewer"),
)
"""Before the @ of their address, name, role. Each tenant has its own of them."""

YOU: Final = len(PEOPLE)
"""The admin, as an assignee: whoever signs in first finds something to do."""

ADMIN: Final = "Alex Moreau"

ZONES: Final = {
    "acme": "Europe/Berlin",
    "birch": "America/Chicago",
    "coral": "Pacific/Auckland",
}


@dataclass(frozen=True, slots=True)
class Story:
    """One ticket: what was asked, how it stands, and what was said.

    Attributes:
        days: how many days ago it was opened.
        end: its status now.
        assignee: index in `PEOPLE`, `YOU`, or None for nobody.
        said: what the agent, the one who asked, the agent, … said about it.
        file: name and text of a file that came with the first of it.
    """

    title: str
    body: str
    days: float
    end: str = "open"
    priority: str = "normal"
    assignee: int | None = None
    said: tuple[str, ...] = ()
    file: tuple[str, str] | None = None


STORIES: Final = (
    Story(
        "Welcome: what to try first",
        "Change status, priority and assignee on the right. Comment below, and drop a file.\n"
        "The list finds beginnings of words, “a phrase”, -without and #12.\n"
        "Admins find the members, the settings and the import above.",
        0.1,
        assignee=YOU,
        said=("Nothing here is real. Change what you like.",),
    ),
    Story(
        "Card reader declines every second payment",
        "Since this morning the reader at the front desk declines about every second card. "
        "Customers wait, and we type numbers by hand.",
        0.2,
        priority="urgent",
        assignee=0,
        said=("On my way with the spare one.", "Thank you! The queue is out of the door."),
    ),
    Story("Second screen stays dark after the update", "Worked on Friday.", 0.3, priority="high",
          assignee=YOU),
    Story("Please order more badge holders", "We are down to three.", 0.6, priority="low"),
    Story(
        "Invoice 2231 shows the old address",
        "The customer moved in spring. The address book is right, the invoice is not.",
        0.8,
        assignee=1,
        said=("Found it: invoices keep the address of the day they were first written.",),
    ),
    Story(
        "Heating in the meeting room cannot be turned down",
        "It is 27 degrees, with every window open.",
        1.1,
        end="pending",
        assignee=1,
        said=("The caretaker comes on Thursday.",),
    ),
    Story("New laptop for Maren, starts on the 1st", "Standard set, German keyboard.", 1.4,
          assignee=0, said=("Ordered.", "With the big screen, please, she draws plans.")),
    Story("Shared calendar shows holidays twice", "", 1.9, priority="low"),
    Story(
        "Password of the supplier portal has expired",
        "Nobody here has the address that the reset goes to.",
        2.2,
        end="pending",
        priority="high",
        assignee=0,
        said=("Asked the supplier for a new owner of the account; they want it in writing.",),
    ),
    Story("Label printer skips every fifth label", "Cleaning did not help.", 2.6, end="solved",
          assignee=1, said=("The sensor was covered by glue. Clean again.", "Works, thanks!")),
    Story("Export of last quarter for the accountant", "As CSV, by Friday.", 3.0, end="closed",
          assignee=0, said=("Sent.",)),
    Story("Phone on desk 14 rings twice and gives up", "", 3.4, assignee=1),
    Story(
        "Website form sends us empty messages",
        "Six since Monday: no name, no text. Robots?",
        3.9,
        end="pending",
        priority="high",
        assignee=YOU,
        said=("Robots. The form asks a question now; let us watch it for a week.",),
    ),
    Story("Access to the warehouse for Pavel", "From Monday on, mornings only.", 4.3,
          end="closed", assignee=1, said=("His badge opens it.",)),
    Story("Wi-Fi drops in the back of the hall", "Behind the third shelf, always.", 5.1,
          end="pending", priority="high", assignee=1,
          said=("We need a second access point there. Asked for an offer.",)),
    Story("Can we get a quieter shredder?", "", 5.8, priority="low", end="closed",
          said=("Not this year, sorry.",)),
    Story(
        "Customer cannot open our PDF",
        "He sends a picture of an empty page. On our side it looks fine.",
        6.5,
        end="solved",
        assignee=0,
        said=("Saved it in the older format and sent it again.", "He can read it now."),
    ),
    Story("Scanner sends to the old address of Ruth", "", 7.2, end="closed", assignee=1,
          said=("Changed in its address book.",)),
    Story("Backup reports “finished with warnings”", "Three nights in a row.", 8.0,
          priority="urgent", end="solved", assignee=0,
          said=("One open file was skipped each night. It is closed before now.",
                "Please check a restore too.", "Did: last night's comes back whole.")),
    Story("Chair in room 4 sinks", "Slowly, but it does.", 8.7, priority="low", end="closed",
          assignee=1, said=("Replaced.",)),
    Story("New templates for offers", "With the new logo and the two languages.", 9.9,
          end="solved", assignee=0, said=("First draft is attached.", "Looks good!"),
          file=("offer-draft.txt", "OFFER\n\nDear …,\n\nthank you for your interest in …\n")),
    Story("Time clock is four minutes behind", "", 10.8, end="closed", assignee=1,
          said=("It asks the time server every night now.",)),
    Story("Remote access for the auditors", "Two people, two weeks, reading only.", 12.0,
          end="closed", priority="high", assignee=0, said=("Ready, and ends by itself.",)),
    Story("Coffee machine asks for a service code", "", 13.1, end="closed",
          said=("That is beyond us. The number is on its back.",)),
    Story("Mail to one supplier comes back", "“Mailbox full”, they say it is not.", 14.4,
          end="solved", assignee=1, said=("Their second server was full. They have cleared it.",)),
    Story("Projector shows everything in green", "", 15.9, end="closed", assignee=0,
          said=("A bent pin. New cable.",)),
    Story("Who may see the salary folder?", "I can open it, and should not.", 17.2,
          priority="urgent", end="closed", assignee=0,
          said=("Closed for all but two at once. Thank you for telling us.",)),
    Story("Forklift charger trips the fuse", "Third time this week.", 18.8, end="closed",
          priority="high", assignee=1, said=("The electrician found a worn plug.",)),
    Story("Keyboard types ö for ;", "", 20.3, end="closed", priority="low", assignee=1,
          said=("Language switched by a shortcut. Alt and Shift switch it back.",)),
    Story("Please archive the projects of last year", "", 21.7, end="closed", assignee=0,
          said=("Done; they are found by search still.",)),
    Story("Door of the server room does not lock", "It clicks, but can be pushed open.", 23.5,
          end="closed", priority="urgent", assignee=1, said=("Bolt adjusted. It locks.",)),
    Story("Order form forgets the delivery date", "When one goes back a page.", 25.2,
          end="closed", assignee=0, said=("Mended in the form of this week.",)),
    Story("Two customers with the same number", "4711 and 4711.", 26.4, end="closed",
          assignee=1, said=("Merged; the second has a new one.",)),
)  # fmt: skip
