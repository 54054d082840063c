"""What is known of each consumer. Sources: repositories as `repo path`, issues as `repo #n`, documentation as its
address, ADRs and measurements of our own (Marquez 0.51.1 on PostgreSQL 15, 2026-11-25, by its HTTP API).
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from otel_bridge.openlineage.profiles.profile import Batch, Note, Profile
from otel_bridge.openlineage.profiles.rules import (
    RUN_EVENTS,
    Cap,
    LongFacets,
    LowerCaseTypes,
    NameLimit,
    NamePaths,
    NamespaceCharacters,
    NeedsDatasets,
    ParentPaths,
    ParentProducer,
    SuppliesEngine,
    SuppliesJobType,
    Takes,
    TopJobType,
)
from otel_bridge.settings import ProfileName

MEASURED: Final = "measured on Marquez 0.51.1"
DATAHUB_AUDIT: Final = "datahub-project/datahub #17034 (audit of April 2026)"
OPENMETADATA_API: Final = "https://docs.open-metadata.org/v2.1.x/api-reference/lineage/openlineage"
DATADOG_DOCS: Final = "https://docs.datadoghq.com/data_observability/jobs_monitoring/openlineage"
ATLAN_DOCS: Final = (
    "https://docs.atlan.com/apps/connectors/lineage/generic-openlineage/faq/events-conventions-openlineage"
)
DATAPLEX: Final = "https://cloud.google.com/dataplex/docs/open-lineage"
DATAZONE: Final = "https://docs.aws.amazon.com/datazone/latest/APIReference/API_PostLineageEvent.html"

GENERIC: Final = Profile(
    name="generic",
    title="Any other consumer",
    about="Every event goes as it is: the bytes in the journal. For consumers that follow the specification.",
    auth="whatever the consumer asks for: `bearer_token` or `headers`",
    batch=Batch("api/v1/lineage/batch", "array"),
    example="""\
destinations:
  - name: catalog
    type: http
    url: https://catalog.example.org
    bearer_token: ${CATALOG_TOKEN:-changeme}
    max_event: 1MiB
    namespaces:
      postgres://db.internal:5432: postgres://db.example.org:5432
""",
)

MARQUEZ: Final = Profile(
    name="marquez",
    title="Marquez",
    about="The reference server of OpenLineage, version 0.51.1.",
    auth="none of its own; a proxy in front may want `bearer_token` or `headers`",
    rules=(
        Takes(
            id="marquez.types",
            types=("START", "COMPLETE", "FAIL", "ABORT", "JOB", "DATASET"),
            reason="RUNNING and OTHER move the start of a run to their own time, and after its end they reopen it "
            "for good.",
            source=f"{MEASURED}: START at 1 s, RUNNING or OTHER at 5 s, COMPLETE at 9 s gives 4 s instead of 8; "
            "docs/adr/0003-late-parents.md, row e1",
        ),
        ParentPaths(
            id="marquez.parent-path",
            reason="It stores a job below its parent's name and looks the parent up by run id and stored name; with "
            "the plain name of a parent that has a parent itself it makes a second job and a generated run.",
            source="docs/adr/0003-late-parents.md, rows o and p; "
            "MarquezProject/marquez api/src/main/java/marquez/db/OpenLineageDao.java (findParentJobRow)",
        ),
        NamespaceCharacters(
            id="marquez.namespace-characters",
            allowed="a-zA-Z0-9:/_.@+-",
            reason="It replaces the others in jobs but not in parent facets, which gives the parent a generated second "
            "run, and refuses datasets that have them.",
            source="MarquezProject/marquez api/src/main/java/marquez/db/OpenLineageDao.java (formatNamespaceName); "
            f"{MEASURED}: `q b` gives two runs of the parent, `db#1` of a dataset is answered 400",
        ),
        LongFacets(
            id="marquez.location",
            where="job.sourceCodeLocation.url",
            limit=255,
            reason="The column is that wide: a longer URL makes it answer 500 to the terminal event each time.",
            source="MarquezProject/marquez api/src/main/resources/marquez/db/migration (job_versions.location); "
            f"{MEASURED}: 255 gives 201, 256 gives 500",
        ),
        LongFacets(
            id="marquez.field-name",
            where="dataset.schema.fields[].name",
            limit=255,
            reason="The column is that wide: a longer name makes it answer 500 each time.",
            source="MarquezProject/marquez api/src/main/resources/marquez/db/migration (dataset_fields.name); "
            f"{MEASURED}: 255 gives 201, 256 gives 500",
        ),
        LongFacets(
            id="marquez.facet-name",
            where="key",
            limit=255,
            reason="The column is that wide: a longer name makes it answer 500 each time.",
            source="MarquezProject/marquez api/src/main/resources/marquez/db/migration (run_facets.name); "
            f"{MEASURED}: 255 gives 201, 256 gives 500",
        ),
    ),
    notes=(
        Note(
            "The current graph of a job is that of its last event: one without inputs or outputs blanks that side until "
            "a terminal event has them. The bridge's own events repeat everything that is known of the run; START events "
            "of other producers may be without.",
            "MarquezProject/marquez #3093, #2543; docs/adr/0003-late-parents.md",
        ),
        Note(
            "What only a RUNNING event of another producer said is missing, if its terminal event does not repeat it.",
            "rule marquez.types",
        ),
        Note(
            "A job that has a parent in one run and none in another is two jobs.",
            "docs/adr/0003-late-parents.md, row n",
        ),
        Note(
            "A JobEvent does not set the current version of datasets, so their columns stay empty.",
            "MarquezProject/marquez #2843",
        ),
        Note("Each identifier of a symlinks facet makes a namespace.", "MarquezProject/marquez #2687, #2645"),
    ),
    example="""\
destinations:
  - name: marquez
    type: http
    profile: marquez
    url: http://localhost:5000
""",
)

DATAHUB: Final = Profile(
    name="datahub",
    title="DataHub",
    about="The OpenLineage endpoint of DataHub's metadata service (GMS).",
    auth="a personal access token as `bearer_token`",
    endpoint="openapi/openlineage/api/v1/lineage",
    rules=(
        Takes(
            id="datahub.types",
            types=("START", "RUNNING", "COMPLETE", "FAIL", "ABORT"),
            reason="It answers 500 to events without a run, and releases up to spring 2026 to OTHER.",
            source=f"datahub-project/datahub #15196; {DATAHUB_AUDIT}",
        ),
        SuppliesEngine(
            id="datahub.engine",
            reason="The name of the engine becomes the platform of the flow; without one it guesses from the "
            "producer, and answers 500 (Unable to determine orchestrator) to most.",
            source="datahub-project/datahub #16961, #13011, #13874 (getOrchestrator of OpenLineageToDataHub.java)",
        ),
        ParentProducer(
            id="datahub.parent-producer",
            form="https://github.com/OpenLineage/OpenLineage/tree/main/integration/{}",
            known=("https://github.com/OpenLineage/OpenLineage/", "https://github.com/apache/airflow/"),
            reason="It makes the platform of the parent's flow from this URL alone, and answers 500 to every run with a "
            "parent if it can't.",
            source="datahub-project/datahub OpenLineageToDataHub.java (processParentJob calls getFlowUrn without an engine); "
            "#16961",
        ),
        LowerCaseTypes(
            id="datahub.lower-case-types",
            reason="Upper-case SQL types become NullType.",
            source="datahub-project/datahub OpenLineageToDataHub.java (convertOlFieldTypeToDHFieldType); "
            f"{DATAHUB_AUDIT}",
        ),
    ),
    notes=(
        Note(
            "A flow is called like a job's name up to the first dot, a task like the whole name; a name without a dot is "
            "both. The bridge does not change names for that.",
            "datahub-project/datahub OpenLineageToDataHub.java (getFlowName)",
        ),
        Note(
            "It does not keep errorMessage, nominalTime, ownership, tags, sourceCodeLocation, statistics, data quality, "
            "version, storage and custom facets.",
            DATAHUB_AUDIT,
        ),
    ),
    example="""\
destinations:
  - name: datahub
    type: http
    profile: datahub
    url: https://datahub.example.org/gms
    bearer_token: ${DATAHUB_TOKEN:-changeme}
""",
)

OPENMETADATA: Final = Profile(
    name="openmetadata",
    title="OpenMetadata",
    about="The OpenLineage API of OpenMetadata 2.",
    auth="a JWT of a user or bot with `EditLineage` on tables, as `bearer_token`",
    endpoint="api/v1/openlineage/lineage",
    batch=Batch("api/v1/openlineage/lineage/batch", "events"),
    rules=(
        Takes(
            id="openmetadata.types",
            types=("COMPLETE",),
            reason="It processes only COMPLETE unless its event type filter is changed, and only run events.",
            source=OPENMETADATA_API,
        ),
        NeedsDatasets(
            id="openmetadata.datasets",
            reason="An edge needs both ends; it makes nothing else of an event.",
            source=OPENMETADATA_API,
        ),
    ),
    notes=(
        Note(
            "Datasets must resolve to tables that it knows; `namespaceToServiceMapping` of its settings, or `namespaces` "
            "of the destination, say which service a namespace is.",
            OPENMETADATA_API,
        ),
        Note("Runs, failures and custom facets are not kept.", "open-metadata/OpenMetadata #20452, #19481"),
    ),
    example="""\
destinations:
  - name: openmetadata
    type: http
    profile: openmetadata
    url: https://openmetadata.example.org
    bearer_token: ${OPENMETADATA_TOKEN:-changeme}
    namespaces:
      postgres://db.internal:5432: prod-postgres
""",
)

DATADOG: Final = Profile(
    name="datadog",
    title="Datadog Data Observability",
    about="Custom jobs of Datadog, by its intake.",
    auth="an API key as `bearer_token`",
    rules=(
        Takes(
            id="datadog.types",
            types=RUN_EVENTS,
            reason="Its documents describe run events only.",
            source=DATADOG_DOCS,
        ),
        SuppliesJobType(
            id="datadog.job-type",
            reason="It requires the facet to process a run event.",
            source=DATADOG_DOCS,
        ),
    ),
    notes=(
        Note("Namespaces of datasets must have the form that it expects of each platform.", DATADOG_DOCS),
        Note(
            "A jobType of QUERY makes no node of the lineage, and tags of users need the source USER.",
            DATADOG_DOCS,
        ),
    ),
    example="""\
destinations:
  - name: datadog
    type: http
    profile: datadog
    url: https://data-obs-intake.datadoghq.com
    bearer_token: ${DD_API_KEY:-changeme}
    compression: gzip
""",
)

DATAPLEX_PROFILE: Final = Profile(
    name="dataplex",
    title="Google Knowledge Catalog (Dataplex)",
    about="`ProcessOpenLineageRunEvent` of the Data Lineage API, through openlineage-python's `gcplineage` transport.",
    auth="Google credentials of the process (application default credentials)",
    rules=(
        Takes(
            id="dataplex.types",
            types=RUN_EVENTS,
            reason="The method takes run events only.",
            source=DATAPLEX,
        ),
        NameLimit(
            id="dataplex.names",
            limit=4000,
            reason="Fully qualified names of inputs and outputs may be that long.",
            source=DATAPLEX,
        ),
        Cap(id="dataplex.size", size=5_000_000, reason="A message may have 5 MB.", source=DATAPLEX),
    ),
    notes=(
        Note("At most 1,000 links an event, which is inputs times outputs, in groups of 100.", DATAPLEX),
        Note(
            "It reads processing_engine, and neither parent, schema nor jobType.",
            "OpenLineage/compatibility-tests consumer/consumers/dataplex",
        ),
    ),
    example="""\
destinations:
  - name: dataplex
    type: openlineage
    profile: dataplex
    transport:
      type: gcplineage
      project_id: my-project
      location: europe-west1
""",
)

DATAZONE_PROFILE: Final = Profile(
    name="datazone",
    title="Amazon DataZone, SageMaker Unified Studio",
    about="`PostLineageEvent`, through openlineage-python's `amazon_datazone_api` transport.",
    auth="AWS credentials of the process (SigV4)",
    rules=(
        Takes(
            id="datazone.types",
            types=RUN_EVENTS,
            reason="The operation takes run events only.",
            source=DATAZONE,
        ),
        Cap(
            id="datazone.size",
            size=300_000,
            reason="The event may have 300,000 bytes.",
            source=DATAZONE,
        ),
    ),
    example="""\
destinations:
  - name: datazone
    type: openlineage
    profile: datazone
    transport:
      type: amazon_datazone_api
      domainId: dzd-4f7k2n9q1x
""",
)

ATLAN: Final = Profile(
    name="atlan",
    title="Atlan",
    about="The Generic OpenLineage connector of Atlan.",
    auth="an API key as `bearer_token`",
    rules=(
        SuppliesJobType(
            id="atlan.job-type",
            reason="Source and type of a job come from the facet.",
            source="https://docs.atlan.com/apps/connectors/lineage/generic-openlineage/references/"
            "what-does-atlan-crawl-from-generic-openlineage",
        ),
        TopJobType(
            id="atlan.top",
            types=("DAG", "APPLICATION", "WORKFLOW"),
            reason="Jobs at the top are known by these types.",
            source=ATLAN_DOCS,
        ),
        NamePaths(
            id="atlan.names",
            reason="A task is expected to be called `<dag-name>.<task-name>`.",
            source=ATLAN_DOCS,
        ),
        Takes(
            id="atlan.types",
            types=RUN_EVENTS,
            reason="Its mapping starts from jobs with runs; static events are not in it.",
            source=ATLAN_DOCS,
        ),
    ),
    notes=(
        Note(
            "The job namespace must equal the name of the connection: map yours to it with `namespaces`.",
            ATLAN_DOCS,
        ),
    ),
    example="""\
destinations:
  - name: atlan
    type: http
    profile: atlan
    url: https://tenant.atlan.com/events/openlineage/generic
    bearer_token: ${ATLAN_API_KEY:-changeme}
    namespaces:
      floe.prod.sales: sales-pipelines
""",
)

PROFILES: Final[Mapping[ProfileName, Profile]] = MappingProxyType(
    {
        profile.name: profile
        for profile in (
            MARQUEZ,
            DATAHUB,
            OPENMETADATA,
            DATADOG,
            DATAPLEX_PROFILE,
            DATAZONE_PROFILE,
            ATLAN,
            GENERIC,
        )
    }
)
