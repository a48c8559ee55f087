"""Parameters and views of experiments that we run ourselves."""

from pydantic import Field

from tandem.rest.parameters import Document, Identifier, Parameters


class NewRun(Parameters):
    """An experiment to start."""

    experiment_id: Identifier = Field(description="`fis:` and the id of an AWS FIS experiment template.")
    client_token: Identifier | None = Field(
        default=None, description="The same token starts the same run once, however often it is sent."
    )


class ExperimentTaskView(Document):
    """A run of an experiment, by the id under which its load-test task is found."""

    experiment_task_id: str

    @classmethod
    def of(cls, experiment_task_id: str) -> "ExperimentTaskView":
        return cls.model_construct(experiment_task_id=experiment_task_id)
