#include "lab/report.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "lab/format.hpp"

namespace wattle::lab {
namespace {

// Length of the UTF-8 sequence at the front of `text`, 0 if it is not one (RFC 3629).
std::size_t sequence_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const auto follows = [&](std::size_t i, unsigned low = 0x80, unsigned high = 0xBF) {
    return i < text.size() && byte(i) >= low && byte(i) <= high;
  };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return follows(1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    const unsigned low = first == 0xE0 ? 0xA0 : 0x80;
    const unsigned high = first == 0xED ? 0x9F : 0xBF;
    return follows(1, low, high) && follows(2) ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    const unsigned low = first == 0xF0 ? 0x90 : 0x80;
    const unsigned high = first == 0xF4 ? 0x8F : 0xBF;
    return follows(1, low, high) && follows(2) && follows(3) ? 4 : 0;
  }
  return 0;
}

// Escaped, and with numbers kept together with their units.
std::string prose(std::string_view text) {
  std::string html = html_escape(text);
  for (const std::string_view unit : {" %", " mJ", " µJ", " J", " ms", " W", " s."}) {
    for (std::size_t at = html.find(unit); at != std::string::npos; at = html.find(unit, at + 1)) {
      if (at > 0 && html[at - 1] >= '0' && html[at - 1] <= '9') html.replace(at, 1, "&nbsp;");
    }
  }
  return html;
}

std::string header_html(const Results& results, const Findings& findings) {
  const auto& experiment = results.experiment;
  std::string html =
      fmt::format("<p class=\"eyebrow\"><b>Wattle lab</b> · {} · {}</p>\n<h1>{}</h1>\n",
                  html_escape(experiment.name),
                  html_escape(experiment.created.substr(
                      0, std::min<std::size_t>(10, experiment.created.size()))),
                  prose(findings.headline));
  html += "<div class=\"findings\">\n";
  for (const auto& finding : findings.items) {
    html += fmt::format("<div class=\"finding\"><div class=\"number\">{}</div><p>{}</p></div>\n",
                        prose(finding.title), prose(finding.text));
  }
  html += "</div>\n";
  if (!findings.cautions.empty()) {
    html += "<ul class=\"cautions\">\n";
    for (const auto& caution : findings.cautions) {
      html += fmt::format("<li>{}</li>\n", prose(caution));
    }
    html += "</ul>\n";
  }
  return html;
}

std::string legend_html(const Summary& summary) {
  std::string html = "<div class=\"legend\">";
  for (const auto& precision : precisions_of(summary)) {
    html += fmt::format("<span style=\"--c:{}\">{}</span>", colour_of(summary, precision),
                        html_escape(precision));
  }
  return html + "</div>";
}

std::string figure_html(const Figure& figure, const Summary& summary) {
  if (figure.svg.empty()) {
    return fmt::format(
        "<section><h2>{}</h2><p class=\"note\">This figure could not be drawn: {} The numbers are "
        "in the table below.</p></section>\n",
        html_escape(figure.title), html_escape(figure.problem));
  }
  return fmt::format(
      "<section id=\"{}\"><figure><h2>{}</h2><figcaption>{}</figcaption>{}<div class=\"canvas\">{}"
      "</div></figure></section>\n",
      figure.id, html_escape(figure.title), html_escape(figure.caption), legend_html(summary),
      figure.svg);
}

// Share of the dearest token in the same suite, for the bar behind the figure.
double cost_share(const SummaryRow& row, const Summary& summary) {
  double most = 0.0;
  for (const auto& other : summary.rows) {
    if (other.configuration.suite != row.configuration.suite) continue;
    if (!other.energy_per_output_token_j_gross || !comparable(row, other)) continue;
    most = std::max(most, other.energy_per_output_token_j_gross->value);
  }
  return most > 0.0 ? row.energy_per_output_token_j_gross->value / most : 0.0;
}

std::string accuracy_html(const SummaryRow& row) {
  if (!row.accuracy) return kAbsent;
  return fmt::format("{:.1f} %<small>{:.0f}–{:.0f} %</small>", *row.accuracy * 100.0,
                     row.accuracy_ci95->low * 100.0, row.accuracy_ci95->high * 100.0);
}

std::string cost_html(const SummaryRow& row, const Summary& summary) {
  if (!row.energy_per_output_token_j_gross) return fmt::format("<td>{}</td>", kAbsent);
  const auto& net = row.energy_per_output_token_j_net;
  return fmt::format(
      "<td class=\"cost\" style=\"background-size:{:.0f}% 3px\">{}<small>{}</small></td>",
      std::max(1.0, 92.0 * cost_share(row, summary)),
      html_escape(format_joules(row.energy_per_output_token_j_gross)),
      net ? "net " + format_joules(net->value) : "no idle baseline");
}

std::string how_html(const SummaryRow& row) {
  if (!row.energy_source) return kAbsent;
  const std::string how = how_obtained(row.energy_source);
  const std::size_t space = how.find(" (");
  return fmt::format("{}<small>{}</small>", html_escape(how.substr(0, space)),
                     html_escape(how.substr(space + 2, how.size() - space - 3)));
}

// The column for the model is left out where there is only one.
bool has_several_models(const Summary& summary) {
  return std::any_of(summary.rows.begin(), summary.rows.end(), [&](const SummaryRow& row) {
    return row.configuration.model != summary.rows.front().configuration.model;
  });
}

std::string row_html(const SummaryRow& row, const Summary& summary, bool on_front) {
  const auto& c = row.configuration;
  const std::string model = has_several_models(summary)
                                ? fmt::format("<td class=\"l\">{}</td>", html_escape(c.model))
                                : std::string();
  return fmt::format(
      "<tr{}>{}<td class=\"l\"><i class=\"swatch\" "
      "style=\"background:{}\"></i>"
      "{}</td><td>{}</td><td>{}<small>p95 {}</small></td><td>{}<small>p95 "
      "{}</small></td><td>{}</td>{}"
      "<td class=\"l how\">{}</td><td>{}</td><td>{}</td><td>{}</td></tr>\n",
      on_front ? " class=\"front\"" : "", model, colour_of(summary, c.precision),
      html_escape(c.precision), exit_layer_label(c), format_ms(row.ttft_ms),
      row.ttft_ms ? format_ms(row.ttft_ms->p95) : kAbsent, format_ms(row.tpot_ms),
      row.tpot_ms ? format_ms(row.tpot_ms->p95) : kAbsent, format_rate(row.output_tokens_per_s),
      cost_html(row, summary), how_html(row), accuracy_html(row), format_bytes(row.peak_rss_bytes),
      row.mean_entropy_nats ? three_digits(*row.mean_entropy_nats) : kAbsent);
}

std::string table_html(const Summary& summary) {
  std::string html;
  const auto suites = suites_of(summary);
  for (const auto& suite : suites) {
    const auto front = pareto_front(summary, suite);
    html += fmt::format("<section><h2>Every configuration{}</h2>",
                        suites.size() > 1 ? ": " + html_escape(suite) : "");
    if (!has_several_models(summary)) {
      html +=
          fmt::format("<p>Model {}, prompts {}.</p>",
                      html_escape(summary.rows.front().configuration.model), html_escape(suite));
    }
    html +=
        "<p>TTFT and TPOT are medians. J/token is the gross energy of the answers over their "
        "output tokens, mean over trials with its Student-t 95 % interval; net is without the idle "
        "baseline. Accuracy counts distinct prompts, with its Wilson 95 % interval. A bar at the "
        "left marks the Pareto front.</p>\n"
        "<div class=\"scroll\"><table><thead><tr>";
    if (has_several_models(summary)) html += "<th class=\"l\">model</th>";
    html +=
        "<th class=\"l\">precision</th><th>exit layer</th><th>TTFT</th><th>TPOT</th>"
        "<th>tokens/s</th><th>J/token ± 95 %</th><th class=\"l\">how</th><th>accuracy</th>"
        "<th>peak memory</th><th>entropy,<br>nats</th></tr></thead><tbody>\n";
    for (std::size_t i = 0; i < summary.rows.size(); ++i) {
      if (summary.rows[i].configuration.suite != suite) continue;
      const bool on_front = std::find(front.begin(), front.end(), i) != front.end();
      html += row_html(summary.rows[i], summary, on_front);
    }
    html += "</tbody></table></div></section>\n";
  }
  return html;
}

}  // namespace

std::string html_escape(std::string_view text) {
  std::string escaped;
  escaped.reserve(text.size());
  while (!text.empty()) {
    const std::size_t length = sequence_length(text);
    const auto c = static_cast<unsigned char>(text.front());
    if (length == 0 || (c < 0x20 && c != '\t' && c != '\n') || c == 0x7F) {
      escaped += "\xEF\xBF\xBD";
    } else if (c == '&') {
      escaped += "&amp;";
    } else if (c == '<') {
      escaped += "&lt;";
    } else if (c == '>') {
      escaped += "&gt;";
    } else if (c == '"') {
      escaped += "&quot;";
    } else if (c == '\'') {
      escaped += "&#39;";
    } else {
      escaped += text.substr(0, length);
    }
    text.remove_prefix(std::max<std::size_t>(1, length));
  }
  return escaped;
}

std::string html_report(const Results& results, const Summary& summary, const Findings& findings,
                        const std::vector<Figure>& figures) {
  const auto& experiment = results.experiment;
  std::string html =
      "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n";
  html += fmt::format("<title>{} – Wattle</title>\n<style>{}</style>\n</head>\n<body>\n<main>\n",
                      html_escape(experiment.name), report_style());
  html += header_html(results, findings);
  for (const auto& figure : figures) html += figure_html(figure, summary);
  html += table_html(summary);
  html += provenance_html(results, summary);
  html +=
      "<footer>Made by <code>wattle lab</code>. The same numbers are in records.csv, "
      "records.json, summary.csv, summary.json and results.sqlite beside this file; "
      "<code>wattle lab report</code> draws it again.</footer>\n";
  html += "</main>\n</body>\n</html>\n";
  return html;
}

}  // namespace wattle::lab
