"""What is known of each consumer. Sources: repositories as `repo path`, issues as `repo #n`, documentation as its
address, ADRs and measurements of our own (Marquez 0.51.1 on PostgreSQL 15, 2026-11-25, by its HTTP API).
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from otel_bridge.openlineage.profiles.limits import Cap, NameLimit, NulCharacters, StoredNames, UnfitFacets
from otel_bridge.openlineage.profiles.profile import Batch, Note, Profile
from otel_bridge.openlineage.profiles.rules import (
    RUN_EVENTS,
    FieldTransformations,
    LowerCaseTypes,
    NamePaths,
    NamespaceCharacters,
    NeedsDatasets,
    OutputsAtTheEnd,
    ParentPaths,
    ParentProducer,
    SuppliesEngine,
    SuppliesJobType,
    Takes,
    TopJobType,
)
from otel_bridge.settings import ProfileName

MEASURED: Final = "measured on Marquez 0.51.1"
OPENLINEAGE_DAO: Final = "MarquezProject/marquez api/src/main/java/marquez/db/OpenLineageDao.java"
OPENLINEAGE_SERVICE: Final = (
    "MarquezProject/marquez api/src/main/java/marquez/service/OpenLineageService.java"
)
MIGRATIONS: Final = "MarquezProject/marquez api/src/main/resources/marquez/db/migration"
NAMESPACE_NAME: Final = "MarquezProject/marquez api/src/main/java/marquez/common/models/NamespaceName.java"
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
        NulCharacters(
            id="marquez.nul",
            reason="PostgreSQL stores none, in no facet either: it answers 500 each time.",
            source=f"{MEASURED}: `\\u0000` in a name, in `sql` or in a custom facet gives 500",
        ),
        ParentPaths(
            id="marquez.parent-path",
            reason="It stores a job below its parent's name and looks the parent up by run id and stored name; with "
            "the plain name of a parent that has a parent itself it makes a second job and a generated run.",
            source=f"docs/adr/0003-late-parents.md, rows o and p; {OPENLINEAGE_DAO} (findParentJobRow)",
        ),
        NamespaceCharacters(
            id="marquez.namespace-characters",
            allowed="a-zA-Z0-9:/_.@+-",
            reason="It replaces the others in jobs but not in parent facets, which gives the parent a generated second "
            "run, and refuses datasets that have them.",
            source=f"{OPENLINEAGE_DAO} (formatNamespaceName); {MEASURED}: `q b` gives two runs of the parent, `db#1` "
            "of a dataset is answered 400",
        ),
        UnfitFacets(
            id="marquez.location",
            where="job.sourceCodeLocation.url",
            limit=255,
            reason="The column is that wide: a longer URL makes it answer 500 to the terminal event each time.",
            source=f"{MIGRATIONS} (job_versions.location); {MEASURED}: 255 gives 201, 256 gives 500",
        ),
        UnfitFacets(
            id="marquez.field-name",
            where="dataset.schema.fields[].name",
            limit=255,
            needed=True,
            reason="The column is that wide: a longer name makes it answer 500 each time, a blank one 400.",
            source=f"{MIGRATIONS} (dataset_fields.name); {MEASURED}: 255 gives 201, 256 gives 500",
        ),
        UnfitFacets(
            id="marquez.field-type",
            where="dataset.schema.fields[].type",
            limit=7000,
            reason="The type is in an index, which takes no more of it: nested types written out make it answer 500 each "
            "time.",
            source=f"{MIGRATIONS} (V12, dataset_fields); {MEASURED}: a `struct<...>` of 7,169 characters gives 201, of "
            "14,347 gives 500",
        ),
        UnfitFacets(
            id="marquez.facet-name",
            where="key",
            limit=255,
            reason="The column is that wide: a longer name makes it answer 500 each time.",
            source=f"{MIGRATIONS} (run_facets.name); {MEASURED}: 255 gives 201, 256 gives 500",
        ),
        UnfitFacets(
            id="marquez.source-name",
            where="dataset.dataSource.name",
            limit=2600,
            needed=True,
            reason="Without a name it answers 500 each time, and with a blank one from then on to every request for the "
            "datasets of that namespace.",
            source=f"{MIGRATIONS} (sources.name is NOT NULL and indexed); {MEASURED}: no name gives 500, a blank one 201 "
            "and then 500 to GET datasets",
        ),
        UnfitFacets(
            id="marquez.symlinks",
            where="dataset.symlinks.identifiers",
            needed=True,
            reason="The specification lets it be missing; Marquez answers 500 each time.",
            source=f"{OPENLINEAGE_DAO} (upsertLineageDataset); {MEASURED}: `symlinks` without `identifiers` gives 500",
        ),
        UnfitFacets(
            id="marquez.symlink-type",
            where="dataset.symlinks.identifiers[].type",
            limit=64,
            reason="The column is that wide: a longer type makes it answer 500 each time.",
            source=f"{MIGRATIONS} (V48, dataset_symlinks.type); {MEASURED}: 64 gives 201, 65 gives 500",
        ),
        UnfitFacets(
            id="marquez.symlink-name",
            where="dataset.symlinks.identifiers[].name",
            limit=2600,
            reason="The name is in an index, which takes no more of it.",
            source=f"{MIGRATIONS} (V48, dataset_symlinks); {MEASURED}: 2,600 gives 201, 2,800 gives 500",
        ),
        UnfitFacets(
            id="marquez.symlink-namespace",
            where="dataset.symlinks.identifiers[].namespace",
            limit=1024,
            needed=True,
            reason="It stores a longer or empty one, and from then on answers 500 to every request for its namespaces.",
            source=f"{NAMESPACE_NAME}; {MEASURED}: 1,025 gives 201 and then 500 to GET namespaces",
        ),
        UnfitFacets(
            id="marquez.lifecycle",
            where="dataset.lifecycleStateChange.lifecycleStateChange",
            limit=63,
            reason="The column is that wide: a longer text makes it answer 500 each time.",
            source=f"{MIGRATIONS} (V41, dataset_versions.lifecycle_state); {MEASURED}: 63 gives 201, 64 gives 500",
        ),
        UnfitFacets(
            id="marquez.column-inputs",
            where="dataset.columnLineage.fields{}.inputFields",
            needed=True,
            reason="It answers 500 each time to a field without it.",
            source=f"{OPENLINEAGE_DAO} (upsertColumnLineage); {MEASURED}",
        ),
        UnfitFacets(
            id="marquez.column-references",
            where="dataset.columnLineage.fields{}.inputFields[].namespace|name|field",
            needed=True,
            reason="It answers 500 each time to a reference without them.",
            source=f"{OPENLINEAGE_DAO} (upsertColumnLineage); {MEASURED}",
        ),
        UnfitFacets(
            id="marquez.transformation-type",
            where="dataset.columnLineage.fields{}.transformationType",
            limit=255,
            reason="The column is that wide: a longer text makes it answer 500 each time.",
            source=f"{MIGRATIONS} (V49, column_lineage.transformation_type); {MEASURED}: 255 gives 201, 256 gives 500",
        ),
        FieldTransformations(
            id="marquez.transformations",
            reason="It shows these two texts with column lineage, and does not read `transformations`.",
            source=f"{OPENLINEAGE_DAO} (upsertColumnLineage); MarquezProject/marquez #2851; {MEASURED}: GET column-lineage "
            "shows them",
        ),
        StoredNames(
            id="marquez.names",
            namespace=1024,
            job=1200,
            dataset=2600,
            reason="Names are in indexes, which take no more of them: it answers 500 each time. It stores longer "
            "namespaces and blank names of datasets with a START, and from then on answers 500 to every request for "
            "namespaces, datasets or jobs.",
            source=f"{NAMESPACE_NAME}; {MIGRATIONS} (indexes of jobs, datasets, dataset_symlinks); {MEASURED}: jobs of "
            "1,200 bytes give 201, of 1,300 gives 500; datasets of 2,650 and of 2,690",
        ),
        OutputsAtTheEnd(
            id="marquez.start-outputs",
            reason="It makes a version of a dataset for each event of a run that names it with other columns. At COMPLETE "
            "each of them becomes the current one in turn, in no order, so that a table may have no columns and none of "
            "the facets that COMPLETE gave it.",
            source=f"{OPENLINEAGE_SERVICE} (buildJobOutput), "
            "DatasetVersionDao.java (findOutputDatasetVersionsFor); "
            f"{MEASURED}: 51 of 150 tables that START named without columns and COMPLETE with them had none afterwards",
        ),
    ),
    notes=(
        Note(
            "The current graph of a job is that of its last run. While a run goes whose START has no inputs or no outputs, "
            "that side is blank in the graph; its terminal event brings back what any event of the run named. The bridge's own "
            "START events have all inputs that are known and no outputs (rule marquez.start-outputs): a job that runs "
            "again has no edge to what it writes until it ends. Those of other producers may have neither.",
            f"MarquezProject/marquez #3093, #2543; {OPENLINEAGE_DAO} (markInputOrOutputDatasetAsPreviousFor); {MEASURED}: "
            "START with datasets and FAIL or COMPLETE without keep them",
        ),
        Note(
            "It keeps column lineage of a field only if `schema` of the output has the field, and `schema` of an input of the "
            "same run the one that it comes from.",
            f"{OPENLINEAGE_DAO} (upsertColumnLineage); {MEASURED}: without the schema of the input the graph is empty",
        ),
        Note(
            "A START of another producer keeps its outputs, since its terminal event need not repeat them. If COMPLETE gives "
            "them other columns, either of the two versions is the current one. So it is with a lost run's ABORT and the "
            "COMPLETE that comes late.",
            f"{OPENLINEAGE_SERVICE} (buildJobOutput)",
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
            reason="Releases up to spring 2026 answer 500 to events without a run, and to OTHER.",
            source=f"datahub-project/datahub #15196; {DATAHUB_AUDIT}",
        ),
        SuppliesEngine(
            id="datahub.engine",
            reason="The name of the engine becomes the platform of the flow, unless `jobType` has an integration (newer "
            "releases). Without either it guesses from the producer; releases up to spring 2026 answer 500 (Unable to "
            "determine orchestrator) to most.",
            source="datahub-project/datahub #16961, #13011, #13874 (getOrchestrator of OpenLineageToDataHub.java, now of "
            "OpenLineagePlatformResolver.java)",
        ),
        ParentProducer(
            id="datahub.parent-producer",
            form="https://github.com/OpenLineage/OpenLineage/tree/main/integration/{}",
            known=(
                "https://github.com/OpenLineage/OpenLineage/*/*/integration/",
                "https://github.com/apache/airflow/",
            ),
            reason="It makes the platform of the parent's flow from this URL alone. Releases up to spring 2026 answer 500 to "
            "every run with a parent if they can't, and take `python` for it from the URL of OpenLineage's client.",
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
            "A symlink of type `TABLE` takes the place of the dataset's own name, as a table of Glue or Hive.",
            "datahub-project/datahub OpenLineageToDataHub.java (convertOpenlineageDatasetToDatasetUrn)",
        ),
        Note(
            "Releases up to spring 2026 do not keep errorMessage, nominalTime, ownership, tags, sourceCodeLocation, "
            "statistics, data quality, version, storage and custom facets.",
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
        Note(
            "An edge is filed under the pipeline of the parent's job if there is a parent facet; pipelines must exist.",
            f"open-metadata/OpenMetadata #24686; {OPENMETADATA_API}",
        ),
        Note(
            "A COMPLETE event of another producer that does not repeat the datasets of its START is skipped. The bridge's own "
            "do.",
            "rule openmetadata.datasets",
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
            encoder="openlineage-python",
            reason="The event may have 300,000 bytes; the transport writes it anew, with spaces, and in ASCII.",
            source=f"{DATAZONE}; openlineage-python openlineage/client/serde.py (to_json)",
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
