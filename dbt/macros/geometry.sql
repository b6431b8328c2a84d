{# Distances on the sphere (mean Earth radius 6371.0088 km, IUGG). #}

{% macro great_circle_km(lon_1, lat_1, lon_2, lat_2) -%}
    2 * 6371.0088 * asin(sqrt(least(1,
        pow(sin(radians({{ lat_2 }} - {{ lat_1 }}) / 2), 2)
        + cos(radians({{ lat_1 }})) * cos(radians({{ lat_2 }})) * pow(sin(radians({{ lon_2 }} - {{ lon_1 }}) / 2), 2)
    )))
{%- endmacro %}
