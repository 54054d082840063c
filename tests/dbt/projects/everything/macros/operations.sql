{% macro archive_orders(before) %}
  {% do run_query("create table if not exists " ~ target.schema ~ ".archive as select id, amount from " ~ target.schema ~ ".raw_orders where ordered_on < '" ~ before ~ "'") %}
{% endmacro %}
