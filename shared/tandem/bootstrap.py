"""The only place where adapters meet services. Each thing is made once for a process, when it is first asked for.

Imports stand inside the properties, so that a function pays at its cold start only for what it uses.
"""

import os
import threading
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

from tandem.adapters.aws.clients import AwsClients
from tandem.adapters.metric_log import EmbeddedMetrics
from tandem.adapters.system import RandomIds, SystemClock
from tandem.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.engine import URL

    from tandem.adapters.aws.fis import FisInjections
    from tandem.adapters.aws.object_store import S3ObjectStore
    from tandem.adapters.aws.run_archive import S3RunArchive
    from tandem.adapters.aws.ticks import SqsTicks
    from tandem.adapters.aws.workflows import StepFunctions
    from tandem.adapters.chaosblade_box.client import HttpChaosBladeBox
    from tandem.adapters.database.housekeeping import SqlHousekeeping
    from tandem.adapters.database.transactions import SqlDatabase
    from tandem.domain.load_engine import LoadEngine
    from tandem.domain.pages import ConsoleFiles, ReportWriter
    from tandem.services.abort_experiment import AbortExperiment
    from tandem.services.analyse_run import AnalyseRun
    from tandem.services.archive_run import ArchiveRun
    from tandem.services.change_run import ChangeRun
    from tandem.services.check_definition import CheckDefinition
    from tandem.services.check_gate import CheckGate
    from tandem.services.check_health import CheckHealth
    from tandem.services.clean_up_expired import CleanUpExpired
    from tandem.services.clean_up_run import CleanUpRun
    from tandem.services.complete_upload import CompleteUpload
    from tandem.services.create_definition import CreateDefinition
    from tandem.services.create_strategy import CreateStrategy
    from tandem.services.create_task import CreateTask, FindStrategy
    from tandem.services.create_upload_url import CreateUploadUrl
    from tandem.services.delete_definition import DeleteDefinition
    from tandem.services.delete_strategy import DeleteStrategy
    from tandem.services.deliver_messages import DeliverMessages
    from tandem.services.engine_pool import EnginePool
    from tandem.services.find_archived_run import FindArchivedRun
    from tandem.services.find_definition import FindDefinition, QueryDefinitions
    from tandem.services.find_task import FindTask, QueryTasks
    from tandem.services.finish_experiment import FinishExperiment
    from tandem.services.follow_injection import FollowInjection
    from tandem.services.get_events import GetEvents
    from tandem.services.get_report import GetReport
    from tandem.services.get_results import GetResults
    from tandem.services.get_statistics import GetStatistics
    from tandem.services.get_strategy import GetStrategy, QueryStrategies
    from tandem.services.get_timeseries import GetTimeseries
    from tandem.services.judge_definition import JudgeDefinition
    from tandem.services.learn_capabilities import LearnCapabilities
    from tandem.services.learn_fault_window import LearnFaultWindow
    from tandem.services.manage_engines import ManageEngines
    from tandem.services.migrate_database import MigrateDatabase
    from tandem.services.note_announcement import NoteAnnouncement
    from tandem.services.open_fault_window import OpenFaultWindow
    from tandem.services.pass_deadline import PassDeadline
    from tandem.services.poll_chaosblade_box import PollChaosBladeBox
    from tandem.services.publish_load_errors import PublishLoadErrors
    from tandem.services.publish_statistics import PublishStatistics
    from tandem.services.request_stop import RequestStop
    from tandem.services.run_experiment import RunExperiment
    from tandem.services.start_experiment import StartExperiment
    from tandem.services.start_load import StartLoadOfTask
    from tandem.services.stop_box_experiment import StopBoxExperiment
    from tandem.services.stop_injection import StopInjection
    from tandem.services.stop_load import StopLoadOfRun
    from tandem.services.store_upload import StoreUpload
    from tandem.services.sync_one_task import SyncOneTask
    from tandem.services.sync_tasks import SyncTasks
    from tandem.services.update_definition import UpdateDefinition
    from tandem.services.update_strategy import UpdateStrategy
    from tandem.services.wait_for_end import WaitForEnd
    from tandem.services.watch_injections import WatchInjections


class Application:
    """All adapters and services for one set of settings."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.clock = SystemClock()
        self.ids = RandomIds()
        self.aws = AwsClients()
        self.meter = EmbeddedMetrics(settings.metrics_namespace, settings.service)

    @cached_property
    def database(self) -> "SqlDatabase":
        from tandem.adapters.database.connections import Connections, open_engine
        from tandem.adapters.database.transactions import SqlDatabase

        settings = self.settings
        arn = settings.database_secret_arn
        wanted = Connections(
            url=settings.database_url or self._database_url_from_secret(arn),
            size=settings.database_pool_size,
            ca_file=settings.database_ca_file,
            read_login=None if settings.database_url else lambda: self._login(arn),
        )
        return SqlDatabase(open_engine(wanted), meter=self.meter)

    def _login(self, arn: str | None) -> tuple[str, str]:
        secret = self._secret(arn, "username", "password")
        return secret["username"], secret["password"]

    def _database_url_from_secret(self, arn: str | None) -> "URL":
        from sqlalchemy.engine import URL

        # A secret that RDS manages holds nothing but the user.
        secret, settings = self._secret(arn, "username", "password"), self.settings
        return URL.create(
            "mysql+pymysql",
            username=secret["username"],
            password=secret["password"],
            host=secret.get("host") or settings.database_host,
            port=int(secret.get("port") or settings.database_port),
            database=secret.get("dbname") or settings.database_name,
        )

    def _secret(self, arn: str | None, *needed: str) -> "Mapping[str, str]":
        from tandem.adapters.aws.secrets import SecretsManager

        if arn is None:
            raise ValueError("neither TANDEM_DATABASE_URL nor TANDEM_DATABASE_SECRET_ARN is set")
        return SecretsManager(self.aws).read(arn, *needed)

    @cached_property
    def engines(self) -> "EnginePool":
        from tandem.services.engine_pool import EnginePool

        return EnginePool(self.database, self.settings.engines, self.connect_engine, self.clock)

    @cached_property
    def capabilities(self) -> "LearnCapabilities":
        from tandem.services.learn_capabilities import LearnCapabilities

        return LearnCapabilities(self.engines, self.clock)

    @cached_property
    def connect_engine(self) -> "Callable[[str, str], LoadEngine]":
        """What makes the client of an engine by its name and URL.

        The secret holds the token of each engine, such as ``token.b``, and ``token`` for those without their own.
        """
        from zoneinfo import ZoneInfo

        from tandem.adapters.engine.client import HttpLoadEngine
        from tandem.adapters.engine.measured import MeasuredEngine
        from tandem.adapters.engine.settings import EngineSettings

        arn = self.settings.engine_token_secret_arn
        zone = ZoneInfo(self.settings.engine_zone)

        def token_of(name: str, secret: "Mapping[str, str]") -> str:
            return secret.get(f"token.{name}") or secret["token"]

        known = None if arn is None else self._secret(arn, "token")

        def connect(name: str, url: str) -> "LoadEngine":
            if known is None:
                settings = EngineSettings(base_url=url, zone=zone)
            else:
                settings = EngineSettings(
                    base_url=url,
                    token=token_of(name, known),
                    read_token=lambda: token_of(name, self._secret(arn, "token")),
                    zone=zone,
                )
            return MeasuredEngine(HttpLoadEngine(settings), self.meter)

        return connect

    @cached_property
    def objects(self) -> "S3ObjectStore":
        from tandem.adapters.aws.object_store import S3ObjectStore

        return S3ObjectStore(self.aws, self.settings.bucket)

    @cached_property
    def archive(self) -> "S3RunArchive":
        from tandem.adapters.aws.run_archive import S3RunArchive

        return S3RunArchive(self.aws, self.settings.bucket)

    @cached_property
    def workflows(self) -> "StepFunctions":
        from tandem.adapters.aws.workflows import StepFunctions

        return StepFunctions(self.aws, self.settings.state_machine_arn)

    @cached_property
    def injections(self) -> "FisInjections":
        from tandem.adapters.aws.fis import FisInjections

        return FisInjections(self.aws)

    @cached_property
    def deliver(self) -> "DeliverMessages":
        from tandem.adapters.aws.message_sender import AwsMessageSender
        from tandem.services.deliver_messages import DeliverMessages

        sender = AwsMessageSender(self.aws, self.settings.event_bus, self.settings.stop_queue_url)
        return DeliverMessages(self.database, sender, self.clock, self.settings.limits)

    @cached_property
    def ticks(self) -> "SqsTicks":
        from tandem.adapters.aws.ticks import SqsTicks

        return SqsTicks(self.aws, self.settings.tick_queue_url, self.settings.shard_queue_url)

    @cached_property
    def change_run(self) -> "ChangeRun":
        from tandem.services.change_run import ChangeRun

        return ChangeRun(self.database, self.deliver)

    # --- the workflow's steps -------------------------------------------------------------------------------------

    @cached_property
    def find_strategy(self) -> "FindStrategy":
        from tandem.services.create_task import FindStrategy

        return FindStrategy(self.database, self.note_announcement)

    @cached_property
    def create_task(self) -> "CreateTask":
        from tandem.services.create_task import CreateTask

        return CreateTask(
            self.database, self.deliver, self.note_announcement, self.clock, self.ids, self.settings.limits
        )

    @cached_property
    def start_load(self) -> "StartLoadOfTask":
        from tandem.adapters.jmx.data_file_links import link_data_files
        from tandem.adapters.jmx.thread_groups import read_plan_shape
        from tandem.adapters.jmx.url_plan import write_url_plan
        from tandem.services.judge_run import JudgeRun
        from tandem.services.place_load import PlaceLoad
        from tandem.services.send_plan import SendPlan
        from tandem.services.start_load import StartLoadOfTask

        place = PlaceLoad(self.change_run, self.settings.engines, self.clock)
        send_plan = SendPlan(self.database, self.objects, write_url_plan, link_data_files, read_plan_shape)
        judge = JudgeRun(self.database, self.judge_definition)
        return StartLoadOfTask(self.change_run, place, send_plan, judge, self.engines, self.clock, self.settings.limits)

    @cached_property
    def check_gate(self) -> "CheckGate":
        from tandem.services.check_gate import CheckGate

        return CheckGate(self.change_run, self.engines, self.clock, self.settings.limits)

    @cached_property
    def open_fault_window(self) -> "OpenFaultWindow":
        from tandem.services.open_fault_window import OpenFaultWindow

        return OpenFaultWindow(self.change_run, self.engines, self.ticks, self.clock, self.settings.limits)

    @cached_property
    def wait_for_end(self) -> "WaitForEnd":
        from tandem.services.wait_for_end import WaitForEnd

        return WaitForEnd(self.change_run, self.clock)

    @cached_property
    def stop_load(self) -> "StopLoadOfRun":
        from tandem.services.stop_load import StopLoadOfRun

        return StopLoadOfRun(self.change_run, self.engines, self.clock, self.settings.limits)

    @cached_property
    def stop_injection(self) -> "StopInjection":
        from tandem.services.stop_injection import StopInjection

        return StopInjection(self.change_run, self.injections, self.clock, self.settings.limits)

    @cached_property
    def pass_deadline(self) -> "PassDeadline":
        from tandem.services.pass_deadline import PassDeadline

        return PassDeadline(self.change_run, self.clock)

    @cached_property
    def abort_experiment(self) -> "AbortExperiment":
        from tandem.services.abort_experiment import AbortExperiment

        return AbortExperiment(self.change_run, self.clock)

    @cached_property
    def clean_up_run(self) -> "CleanUpRun":
        from tandem.services.clean_up_run import CleanUpRun

        return CleanUpRun(self.change_run, self.clock)

    # --- events and ticks -----------------------------------------------------------------------------------------

    @cached_property
    def start_experiment(self) -> "StartExperiment":
        from tandem.services.start_experiment import StartExperiment

        return StartExperiment(self.database, self.workflows, self.note_announcement, self.clock, self.settings.limits)

    @cached_property
    def note_announcement(self) -> "NoteAnnouncement":
        from tandem.services.note_announcement import NoteAnnouncement

        answers = self.settings.answer_without_strategy
        return NoteAnnouncement(self.database, self.deliver, self.clock, self.settings.limits, answers=answers)

    @cached_property
    def finish_experiment(self) -> "FinishExperiment":
        from tandem.services.finish_experiment import FinishExperiment

        return FinishExperiment(self.database, self.deliver, self.clock)

    @cached_property
    def learn_fault_window(self) -> "LearnFaultWindow":
        from tandem.services.learn_fault_window import LearnFaultWindow

        return LearnFaultWindow(self.database, self.deliver, self.clock)

    @cached_property
    def archive_run(self) -> "ArchiveRun":
        from tandem.services.archive_run import ArchiveRun
        from tandem.services.compare_with_earlier import CompareWithEarlier

        return ArchiveRun(
            self.change_run,
            self.engines,
            self.archive,
            self.get_results,
            self.get_events,
            CompareWithEarlier(self.database, self.archive),
            self.clock,
            self.settings.limits,
        )

    @cached_property
    def follow_injection(self) -> "FollowInjection":
        from tandem.services.follow_injection import FollowInjection

        return FollowInjection(self.database, self.change_run, self.injections, self.clock)

    @cached_property
    def watch_injections(self) -> "WatchInjections":
        from tandem.services.watch_injections import WatchInjections

        return WatchInjections(self.change_run, self.injections, self.clock, self.settings.limits)

    @cached_property
    def sync_tasks(self) -> "SyncTasks":
        from tandem.services.sync_tasks import SyncTasks

        return SyncTasks(
            self.database,
            self.engines,
            self.workflows,
            self.deliver,
            self.ticks,
            self.watch_injections,
            self.clock,
            self.ids,
            self.settings.limits,
        )

    # --- the bridge to a ChaosBlade-Box -----------------------------------------------------------------------------

    @cached_property
    def chaosblade_box(self) -> "HttpChaosBladeBox":
        from tandem.adapters.chaosblade_box.client import HttpChaosBladeBox, Login

        arn = self.settings.box_secret_arn

        def read_login() -> Login:
            secret = self._secret(arn, "userName", "password")
            return Login(secret["userName"], secret["password"])

        return HttpChaosBladeBox(self.settings.box_url, None if arn is None else read_login)

    @cached_property
    def poll_chaosblade_box(self) -> "PollChaosBladeBox":
        from tandem.adapters.aws.platform_events import EventBusPlatformEvents
        from tandem.services.poll_chaosblade_box import PollChaosBladeBox

        events = EventBusPlatformEvents(self.aws, self.settings.event_bus)
        return PollChaosBladeBox(self.database, self.chaosblade_box, events, self.clock)

    @cached_property
    def stop_box_experiment(self) -> "StopBoxExperiment":
        from tandem.services.stop_box_experiment import StopBoxExperiment

        return StopBoxExperiment(self.chaosblade_box)

    # --- operations -----------------------------------------------------------------------------------------------

    @cached_property
    def housekeeping(self) -> "SqlHousekeeping":
        from tandem.adapters.database.housekeeping import SqlHousekeeping

        return SqlHousekeeping(self.database)

    @cached_property
    def clean_up_expired(self) -> "CleanUpExpired":
        from datetime import timedelta

        from tandem.adapters.aws.kept_objects import S3KeptObjects
        from tandem.services.clean_up_expired import CleanUpExpired

        return CleanUpExpired(
            self.housekeeping,
            S3KeptObjects(self.aws, self.settings.bucket),
            self.engines,
            self.clock,
            timedelta(days=self.settings.retention_days),
            timedelta(seconds=self.settings.limits.finish_remembered),
        )

    @cached_property
    def manage_engines(self) -> "ManageEngines":
        from tandem.services.manage_engines import ManageEngines

        return ManageEngines(self.database, self.settings.engines, self.clock)

    @cached_property
    def publish_statistics(self) -> "PublishStatistics":
        from tandem.services.publish_statistics import PublishStatistics

        return PublishStatistics(self.housekeeping, self.clock)

    @cached_property
    def publish_load_errors(self) -> "PublishLoadErrors":
        from tandem.services.publish_load_errors import PublishLoadErrors

        return PublishLoadErrors(self.database, self.engines, self.clock, self.settings.limits)

    @cached_property
    def migrate_database(self) -> "MigrateDatabase":
        from pathlib import Path

        from tandem.adapters.database.connections import Connections, open_engine
        from tandem.adapters.database.schema import AlembicSchema
        from tandem.adapters.database.users import DatabaseUsers, Login
        from tandem.services.migrate_database import MigrateDatabase

        settings = self.settings
        arn = settings.migration_secret_arn or settings.database_secret_arn
        wanted = Connections(
            url=settings.database_url or self._database_url_from_secret(arn),
            ca_file=settings.database_ca_file,
            answer_seconds=600,
        )
        engine = open_engine(wanted)
        users = None
        if settings.admit_secret_arn is not None:
            login = Login(*self._login(settings.admit_secret_arn))
            users = DatabaseUsers(engine, login, tls=settings.database_ca_file is not None)
        return MigrateDatabase(AlembicSchema(engine, Path(settings.migrations_directory)), users)

    # --- the API --------------------------------------------------------------------------------------------------

    @cached_property
    def store_upload(self) -> "StoreUpload":
        from tandem.adapters.jmx.reader import read_plan
        from tandem.adapters.zip_archive import unpack
        from tandem.services.look_at_plan import LookAtPlan
        from tandem.services.store_upload import StoreUpload

        look = LookAtPlan(read_plan, self.settings.preflight, self.capabilities)
        return StoreUpload(self.database, self.objects, look, unpack, self.clock, self.ids)

    @cached_property
    def create_upload_url(self) -> "CreateUploadUrl":
        from tandem.services.create_upload_url import CreateUploadUrl

        return CreateUploadUrl(self.objects, self.clock, self.ids)

    @cached_property
    def complete_upload(self) -> "CompleteUpload":
        from tandem.adapters.jmx.reader import read_plan
        from tandem.services.complete_upload import CompleteUpload
        from tandem.services.look_at_plan import LookAtPlan

        look = LookAtPlan(read_plan, self.settings.preflight, self.capabilities)
        return CompleteUpload(self.database, self.objects, look, self.clock)

    @cached_property
    def check_health(self) -> "CheckHealth":
        from tandem.services.check_health import CheckHealth

        return CheckHealth(self.database, self.engines)

    @cached_property
    def check_definition(self) -> "CheckDefinition":
        from tandem.services.check_definition import CheckDefinition

        return CheckDefinition(self.database, self.judge_definition, self.settings.preflight)

    @cached_property
    def judge_definition(self) -> "JudgeDefinition":
        from tandem.adapters.jmx.reader import read_plan
        from tandem.adapters.jmx.url_plan import write_url_plan
        from tandem.services.judge_definition import JudgeDefinition

        policy = self.settings.preflight
        return JudgeDefinition(self.objects, read_plan, write_url_plan, policy, self.capabilities)

    @cached_property
    def create_definition(self) -> "CreateDefinition":
        from tandem.services.create_definition import CreateDefinition

        return CreateDefinition(self.database, self.check_definition, self.clock, self.ids)

    @cached_property
    def create_strategy(self) -> "CreateStrategy":
        from tandem.services.create_strategy import CreateStrategy

        return CreateStrategy(self.database, self.clock, self.ids, self.settings.preflight.max_duration_sec)

    @cached_property
    def update_definition(self) -> "UpdateDefinition":
        from tandem.services.update_definition import UpdateDefinition

        return UpdateDefinition(self.database, self.check_definition, self.clock)

    @cached_property
    def delete_definition(self) -> "DeleteDefinition":
        from tandem.services.delete_definition import DeleteDefinition

        return DeleteDefinition(self.database, self.clock)

    @cached_property
    def find_definition(self) -> "FindDefinition":
        from tandem.services.find_definition import FindDefinition

        return FindDefinition(self.database)

    @cached_property
    def query_definitions(self) -> "QueryDefinitions":
        from tandem.services.find_definition import QueryDefinitions

        return QueryDefinitions(self.database)

    @cached_property
    def update_strategy(self) -> "UpdateStrategy":
        from tandem.services.update_strategy import UpdateStrategy

        return UpdateStrategy(self.database, self.clock, self.settings.preflight.max_duration_sec)

    @cached_property
    def delete_strategy(self) -> "DeleteStrategy":
        from tandem.services.delete_strategy import DeleteStrategy

        return DeleteStrategy(self.database, self.clock)

    @cached_property
    def get_strategy(self) -> "GetStrategy":
        from tandem.services.get_strategy import GetStrategy

        return GetStrategy(self.database)

    @cached_property
    def query_strategies(self) -> "QueryStrategies":
        from tandem.services.get_strategy import QueryStrategies

        return QueryStrategies(self.database)

    @cached_property
    def find_task(self) -> "FindTask":
        from tandem.services.find_task import FindTask

        return FindTask(self.database, self.clock, self.settings.limits)

    @cached_property
    def query_tasks(self) -> "QueryTasks":
        from tandem.services.find_task import QueryTasks

        return QueryTasks(self.database)

    @cached_property
    def find_archived_run(self) -> "FindArchivedRun":
        from tandem.services.find_archived_run import FindArchivedRun

        return FindArchivedRun(self.archive, self.clock)

    @cached_property
    def analyse_run(self) -> "AnalyseRun":
        from tandem.adapters.jtl.reader import read_jtl
        from tandem.services.analyse_run import AnalyseRun

        return AnalyseRun(self.engines, self.archive, read_jtl, self.clock, self.settings.limits)

    @cached_property
    def get_results(self) -> "GetResults":
        from tandem.services.get_results import GetResults

        return GetResults(self.find_task, self.find_archived_run, self.engines, self.analyse_run)

    @cached_property
    def get_timeseries(self) -> "GetTimeseries":
        from tandem.services.get_timeseries import GetTimeseries

        return GetTimeseries(self.find_task, self.find_archived_run, self.analyse_run)

    @cached_property
    def get_report(self) -> "GetReport":
        from tandem.services.get_report import GetReport

        return GetReport(self.find_task, self.get_results, self.get_events)

    @cached_property
    def write_report(self) -> "ReportWriter":
        from tandem.adapters.pages.report import write_report

        return write_report

    @cached_property
    def console_file(self) -> "ConsoleFiles":
        from tandem.adapters.pages.console import console_file

        return console_file

    @cached_property
    def get_events(self) -> "GetEvents":
        from tandem.services.get_events import GetEvents

        return GetEvents(self.find_task, self.database, self.engines, self.find_archived_run)

    @cached_property
    def get_statistics(self) -> "GetStatistics":
        from tandem.services.get_statistics import GetStatistics

        return GetStatistics(self.database)

    @cached_property
    def sync_one_task(self) -> "SyncOneTask":
        from tandem.services.sync_one_task import SyncOneTask

        return SyncOneTask(self.find_task, self.change_run, self.engines, self.clock)

    @cached_property
    def run_experiment(self) -> "RunExperiment":
        from tandem.services.run_experiment import RunExperiment

        return RunExperiment(self.database, self.start_experiment, self.ids)

    @cached_property
    def request_stop(self) -> "RequestStop":
        from tandem.services.request_stop import RequestStop

        return RequestStop(self.database, self.deliver, self.clock)


class _Holder:
    """The process's one application."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.application: Application | None = None


_holder = _Holder()


def application() -> Application:
    """The application of this process, made of its environment when it is first asked for."""
    with _holder.lock:
        if _holder.application is None:
            _holder.application = Application(Settings.from_environment(os.environ))
        return _holder.application


def reset() -> None:
    """Forget the application: the next call reads the environment again (local stack and tests)."""
    with _holder.lock:
        if _holder.application is not None and "database" in vars(_holder.application):
            _holder.application.database.close()
        _holder.application = None
