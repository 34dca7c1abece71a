#pragma once
// report.html: one file without scripts or anything loaded from elsewhere. Everything that comes
// from outside (names, flags, paths, the manifest) is escaped.

#include <string>
#include <string_view>
#include <vector>

#include "lab/figures.hpp"
#include "lab/findings.hpp"
#include "lab/results.hpp"
#include "lab/summary.hpp"

namespace wattle::lab {

[[nodiscard]] std::string html_report(const Results& results, const Summary& summary,
                                      const Findings& findings, const std::vector<Figure>& figures);

// & < > " ' as entities; control characters other than tab and line feed, and bytes that are not
// UTF-8, as U+FFFD.
[[nodiscard]] std::string html_escape(std::string_view text);

// The page's style sheet (report_style.cpp).
[[nodiscard]] std::string_view report_style();

// The section "How this was measured" (report_provenance.cpp).
[[nodiscard]] std::string provenance_html(const Results& results, const Summary& summary);

}  // namespace wattle::lab
