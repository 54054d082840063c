{# What a loader would have left: a table that the source `clicks` names by its identifier, and one that nobody fills. #}
{% macro landing() %}
  {% if execute %}
    {% do run_query("create schema if not exists landing") %}
    {% set clicks %}
      create table if not exists landing.clicks_v3 as
      select 1 as click_id, 1 as customer_id, cast('2026-11-01 10:00:00' as timestamp) as clicked_at, cast('12' as varchar(9)) as note, current_timestamp as loaded_at
      union all select 2, 1, cast('2026-11-02 11:00:00' as timestamp), '7', current_timestamp
      union all select 3, 2, cast('2026-11-03 12:00:00' as timestamp), 'x', current_timestamp
    {% endset %}
    {% do run_query(clicks) %}
    {% do run_query("create table if not exists landing.parcels as select 1 as parcel_id, cast('2020-01-01 00:00:00' as timestamp) as loaded_at") %}
  {% endif %}
  select 1 as landed
{% endmacro %}
