"""The day from the first hour to the last: what is done in which order, and what is checked on the way."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tests.demo import evening, forgetting, keepers, lives, stories
from tests.demo.bad_input import Attempt, attempt_all
from tests.demo.companies import COMPANIES, LATE_HOLDER, Company
from tests.demo.crowd import Crowd, named
from tests.demo.figures import Figures
from tests.demo.lists import Imported, import_lists, import_old_list, look_first
from tests.demo.page import Page
from tests.demo.plan import AFTERNOON, ERASURES, FORENOON, MORNING, Person, questions_about
from tests.demo.stage import Stage
from tests.demo.telling import Story, Teller

WITNESSES: Final = 20
"""People of each company who are not erased, and whose data at the holders must stay."""


class Day:
    """One day at play. Its figures and counts are complete when :meth:`play` returns."""

    def __init__(self, stage: Stage, page: Page, figures: Figures, people: list[Person]) -> None:
        self._stage = stage
        self._page = page
        self._figures = figures
        self._people = people
        self._crowd = Crowd(stage, people)
        self._told: list[Story] = []
        self._attempts: list[Attempt] = []
        self._imports: list[Imported] = []
        self._asked: list[forgetting.Asked] = []
        self._known: keepers.Known = {}
        self.answers: dict[tuple, bool] = {}

    @property
    def roads(self) -> tuple[int, int, int]:
        """Acts over Kafka, over HTTP and from lists."""
        over_http = self._crowd.counts["acts over http"] + self._told_events
        return self._crowd.counts["acts over kafka"], over_http, sum(one.acts for one in self._imports)

    @property
    def acts(self) -> int:
        """Acts of people that the log has, each once: one save of a form is one, and so is one line of a list."""
        return self._crowd.counts["acts"] + self._told_events + sum(one.acts for one in self._imports)

    @property
    def events(self) -> int:
        """How many events of people must count on the log, however often they were sent."""
        imported = sum(one.events for one in self._imports)
        return self._crowd.counts["events"] + self._told_events + imported

    @property
    def _told_events(self) -> int:
        return sum(story.recorded for story in self._told) + sum(one.recorded for one in self._attempts)

    async def play(self) -> None:
        """Plays all of it."""
        await self._open()
        erik, four = await self._morning()
        await self._lists()
        await self._forenoon()
        await self._noon(four)
        await self._afternoon(four)
        await self._evening(erik)
        self._told += [*four.stories, erik.story]

    async def _open(self) -> None:
        page = self._page
        page.hour("06:00", "Five companies open")
        with self._figures.step("register the holders of five companies"):
            count = await keepers.register_all(self._stage)
        keepers.start_all_but_one(self._stage)
        await self._stage.wait_until_open()
        page.say(
            f"Each has a catalogue in force and its holders registered: {count} systems that hold personal data,\n"
            f"a CRM and a mailing list in every company. One is down: {LATE_HOLDER[1]} of {LATE_HOLDER[0].title}."
        )

    async def _morning(self) -> tuple[Teller, lives.Lives]:
        page = self._page
        page.hour("07:00", "Sign-ups, banners, changes of mind")
        with self._figures.step("the morning's stories, and bad input"):
            told = await stories.tell_all(self._stage)
            erik = await stories.tell_of_erik(self._stage)
            four = await lives.begin(self._stage)
            self._attempts = await attempt_all(self._stage)
        self._told += told
        page.stories(told)
        page.attempts(self._attempts)
        await self._play(MORNING)
        return erik, four

    async def _lists(self) -> None:
        page = self._page
        page.hour("09:00", "The newsletter tools' lists are imported")
        page.shown(await asyncio.to_thread(look_first, self._stage, self._people))
        self._imports = await import_lists(self._stage, self._people)
        lines, seconds = sum(one.lines for one in self._imports), sum(one.seconds for one in self._imports)
        self._figures.note("five lists imported and folded", seconds, lines)
        self._figures.values["import_lines_per_second"] = round(lines / seconds)
        page.lists(self._imports)
        page.say(
            "Unsubscribes went to the live lane before the first grant; a grant from a list stands only where\n"
            "nobody said no, before or after. Rejected lines stand in a file beside each list, with the reason."
        )

    async def _forenoon(self) -> None:
        page, stage = self._page, self._stage
        page.hour("10:00", "The busiest hours; at half past ten the machine of the fold dies")
        total, enough = self._count(FORENOON), asyncio.Event()

        async def dies_and_rises() -> int:
            await enough.wait()
            process = stage.kill("fold")
            await asyncio.to_thread(stage.mend)
            return process

        # One group: were nobody to mend the worker, people would wait for their pages for ever.
        async with asyncio.TaskGroup() as group:
            death = group.create_task(dies_and_rises())
            await self._play(FORENOON, lambda done: enough.set() if done > total * 0.4 else None)
            enough.set()
        page.say(
            f"kill -9 of the fold worker, process {death.result()}; `ledger dev up` started another, which went on\n"
            "behind what was committed. Nobody had to send anything twice."
        )

    async def _noon(self, four: lives.Lives) -> None:
        page, stage, people = self._page, self._stage, self._people
        page.hour("12:00", "People ask to be erased")
        self._known = await self._find_ids(four)
        await keepers.put_data(stage, self._known)
        step = self._figures.step("the erasures, up to the last answer of those who answer")
        with self._bar("erasures", self._count(ERASURES) + len(four)) as told, step:
            self._asked = await forgetting.ask_for_all(stage, people)
            self._asked += await lives.ask_for_erasure(stage, four)
            await forgetting.follow(stage, self._asked, forgetting.is_under_way, lambda count: None)
            process = stage.kill("reactions")
            await asyncio.to_thread(stage.mend)
            requests = await forgetting.follow(stage, self._asked, forgetting.is_answered, told)
            await lives.are_erased(four)
        whole = sum(map(forgetting.is_whole, requests))
        held = sum(bool(request.held) for request in requests)
        waiting = [request for request in requests if not request.is_complete]
        page.say(
            f"{len(requests)} requests: {whole} altogether, {held} refused for what the law keeps and done for the\n"
            f"rest, {len(requests) - whole - held} for marketing data alone. {len(waiting)} are not complete: "
            f"{LATE_HOLDER[1]} is silent.\n"
            f"kill -9 of the reactions, process {process}, which carry erasures out: others went on where they stood."
        )
        lena = self._asked[-1]
        command = ("requests", "show", lena.company.name, lena.request_id)
        page.shown(await asyncio.to_thread(stage.shown, *command))
        silent = {name for request in waiting for name in request.silent_holders}
        page.check("who is silent", silent, {LATE_HOLDER[1]})
        until = {held.until[:10] for request in requests for held in request.held}
        page.check("what is held is kept until", len(until), 1)
        page.say(f"    {', '.join(sorted(until))}, by the book-keeping act; then the erasure goes on by itself.")

    async def _afternoon(self, four: lives.Lives) -> None:
        page, stage = self._page, self._stage
        page.hour("14:00", "Some come back; a holder comes up again")
        await self._play(AFTERNOON)
        await lives.come_back(four)
        page.stories(four.stories)
        stage.start_holders(keepers.late_holder())
        with self._bar("answers", len(self._asked)) as told, self._figures.step("the late holder's answers"):
            requests = await forgetting.follow(
                stage, self._asked, lambda request: request.is_complete, told
            )
        open_still = sum(not request.is_complete for request in requests)
        page.check(f"requests that are open after {LATE_HOLDER[1]} is up", open_still, 0)
        page.check(
            "what the ledger says of the old subject ids of those who are gone",
            await forgetting.reasons_by_subject_id(stage, self._asked, requests),
            {"erased"},
        )
        left = await forgetting.left_at_holders(stage, self._asked, requests, self._known)
        page.check(
            f"data of {sum(map(len, self._known.values()))} people at the holders, wrongly there or wrongly gone",
            left,
            [],
        )
        prompt = [
            request
            for request in requests
            if LATE_HOLDER[1] not in {holder.holder for holder in request.holders}
        ]
        self._figures.values["erasures"] = forgetting.Times.of(prompt)._asdict()
        page.hour("17:00", "Somebody finds a list from 2016 on an old laptop")
        with self._figures.step("the old list"):
            old = await import_old_list(stage, self._people)
        self._imports.append(old)
        page.lists([old])

    async def _evening(self, erik: Teller) -> None:
        page, stage = self._page, self._stage
        page.hour("18:00", "An operator settles what is in doubt; everybody is asked about")
        shown = await evening.settle_the_doubt(stage, erik)
        page.shown("\n".join(f"{name.replace('_', ' '):<16}{value}" for name, value in shown.items() if value))
        page.stories([erik.story])
        total = sum(len(questions_about(person)) for person in self._people)
        with self._bar("questions", total) as told, self._figures.step("every question about everyone", total):
            self.answers = await self._crowd.ask_everything(told)

    async def _play(self, part: str, also: Callable[[int], object] = lambda done: None) -> None:
        total, done = self._count(part), 0
        with self._bar(part, total) as told:

            def progress(count: int) -> None:
                nonlocal done
                done += count
                told(count)
                also(done)

            with self._figures.step(f"the crowd's {part}, acknowledged", total):
                await self._crowd.play(part, progress)
        seconds = self._figures.steps[-1].seconds
        self._page.say(
            f"{total:,} choices of the crowd, in order for each person and side by side for all, in {seconds:.1f} s."
        )

    def _count(self, part: str) -> int:
        return sum(1 for person in self._people for act in person.in_part(part) if not act.get("imported"))

    @contextmanager
    def _bar(self, what: str, total: int) -> Iterator[Callable[[int], None]]:
        columns = (TextColumn("{task.description:<10}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
            task = progress.add_task(what, total=total)
            yield lambda count: progress.advance(task, count)

    async def _find_ids(self, four: lives.Lives) -> keepers.Known:
        """Who of the crowd the holders know: everybody who is about to be erased, and some who are not."""
        gate = asyncio.Semaphore(16)

        async def found(company: Company, name: str) -> tuple[Company, str, bytes]:
            async with gate:
                standing = await self._stage.client(company).standing(named(name))
            assert standing.subject_id is not None, "somebody with acts has no subject id"
            return company, name.removeprefix("email:"), bytes.fromhex(standing.subject_id)

        chosen = [(teller.story.company, lives.name_of(teller)) for teller in four]
        for company in COMPANIES:
            people = [one for one in self._people if one.company is company and one.name.startswith("email:person")]
            erased = [one.name for one in people if one.in_part(ERASURES)]
            chosen += [(company, name) for name in erased]
            chosen += [(company, one.name) for one in people if not one.in_part(ERASURES)][:WITNESSES]
        known: keepers.Known = {company: {} for company in COMPANIES}
        for company, address, subject_id in await asyncio.gather(*(found(*one) for one in chosen)):
            known[company][address] = subject_id
        return known


