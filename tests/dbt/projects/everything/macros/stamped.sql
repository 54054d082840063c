{# A materialization of our own: a table with the name of the invocation in it. #}
{% materialization stamped, default %}
  {% set target_relation = this.incorporate(type='table') %}
  {% do adapter.drop_relation(target_relation) %}
  {% do run_hooks(pre_hooks) %}
  {% call statement('main') %}
    create table {{ target_relation }} as select stamped_rows.*, '{{ invocation_id }}' as stamp from ({{ sql }}) as stamped_rows
  {% endcall %}
  {% do run_hooks(post_hooks) %}
  {% do adapter.commit() %}
  {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}
