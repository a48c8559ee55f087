"""Which properties are JMeter's own: they change JMeter itself (what it loads, runs and saves), not only a plan.

From ``bin/jmeter.properties`` and what its classes ask for, of 5.6. A plan's own properties bear other names.
"""

from typing import Final

from tandem.domain.word_list import words

_FAMILIES: Final = words(
    "jmeter jmeterengine jmeterthread beanshell jsr223 bsf groovy javascript jsyntaxtextarea httpsampler http https "
    "httpclient httpclient3 httpclient4 hc httpparser htmlparser cssparser wmlparser httpresponse cookiemanager "
    "cacheable_methods cache_manager cssselector csvread csvdataset xpath xpath2query jmespath document function "
    "classfinder resultcollector resultstatushandler summariser summarizer sampleresult subresults "
    "includecontroller proxy server client remote rmi java javax jdk sun com org log4j log4j2 log_level kerberos mail "
    "mailer mirror jdbc jdbcsampler ldapsampler os_sampler system tcp jms jmssampler assertion oro template "
    "testplan_validation testsaveservice think_time_creator timer view viewresultstree naming_policy onload "
    "backend_influxdb backend_graphite backend_metrics_window darklaf loggerpanel undo gui plugin tandem"
)
"""Everything that begins so, up to a dot."""

_NAMES: Final = words(
    "saveservice_properties upgrade_properties search_paths plugin_dependency_paths user.classpath user.properties "
    "user.dir user.home user.country user.language user.name user.timezone file.encoding line.separator mode "
    "remote_hosts server_port sample_variables sample_sender_client_configured sample_sender_strip_also_on_error "
    "post_add_content_type_if_missing propertyeditorsearchpath key_on_threadname kerberos_jaas_application not_in_menu "
    "num_sample_threshold time_threshold cookies language locales.add backend_metrics_window "
    "backend_metrics_large_window backend_metrics_window_mode backend_metrics_percentile_estimator "
    "aggregate_rpt_pct1 aggregate_rpt_pct2 aggregate_rpt_pct3 generate_report_ui zoom_scale "
    "return_200_cache return_custom_status save_automatically_before_run"
)

OF_EVERY_RUN: Final = frozenset(
    {"protocol", "host", "port", "path", "threads", "rampUp", "loops", "duration", "tandem.part", "tandem.parts"}
)
"""Properties that every run of ours has."""


def is_jmeters_own(name: str) -> bool:
    """Whether JMeter itself, or the Java that it runs on, goes by this property."""
    lower = name.lower()
    if lower in _NAMES or lower.endswith((".init", ".init.file", ".classname", ".class")):
        return True
    family, dot, _ = lower.partition(".")
    return family in _FAMILIES and (bool(dot) or family.replace("_", "") != family)
