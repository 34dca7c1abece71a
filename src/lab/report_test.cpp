#include "lab/report.hpp"

#include <gtest/gtest.h>

#include "base/atomic_file.hpp"
#include "base/test_folder.hpp"
#include "lab/export.hpp"
#include "lab/format.hpp"
#include "lab/test_results.hpp"

namespace wattle::lab {
namespace {

const Renderer kFakeRenderer = [](const std::string&) -> Result<std::string> {
  return "<?xml?><svg width=\"10\" height=\"10\"><path id='a' stroke='rgb( 17,  34,  "
         "51)'/></svg>\n";
};
const Renderer kNoRenderer = [](const std::string&) -> Result<std::string> {
  return fail(ErrorCode::unavailable, "gnuplot is not installed", "Install it.");
};

std::string report_of(const Results& results, const Renderer& renderer) {
  const Summary summary = summarise(results);
  return html_report(results, summary, find_out(results, summary),
                     draw_figures(results, summary, renderer));
}

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t n = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++n;
  return n;
}

TEST(Report, HoldsEveryConfigurationAndItsFigures) {
  const Results results = test_results(3);
  const Summary summary = summarise(results);
  const std::string html = report_of(results, kFakeRenderer);
  EXPECT_EQ(count(html, "<svg"), 3u);
  for (const auto& row : summary.rows) {
    EXPECT_NE(html.find(exit_layer_label(row.configuration)), std::string::npos);
    EXPECT_NE(html.find(html_escape(format_joules(row.energy_per_output_token_j_gross))),
              std::string::npos);
  }
  EXPECT_EQ(count(html, "<tr><td"), 24u - pareto_front(summary, "telemetry").size());
  for (const char* part :
       {"modelled, not measured", "5.31 ± 0.04 W before", "drift 0.9 %", "Example CPU",
        "avx2 kernels", "20.0 reads per second", "order 1, sampling 0", "window below 5 s"}) {
    EXPECT_NE(html.find(part), std::string::npos) << part;
  }
  EXPECT_NE(html.find(std::string(64, 'a')), std::string::npos);  // SHA-256 of the model
}

TEST(Report, LoadsNothingAndRunsNothing) {
  const std::string html = report_of(test_results(2), kFakeRenderer);
  for (const char* part : {"<script", "<link", "<img", "<iframe", "@import", "http:", "https:"}) {
    EXPECT_EQ(html.find(part), std::string::npos) << part;
  }
}

TEST(Report, EverythingFromOutsideIsEscaped) {
  Results results = test_results(2);
  const std::string evil = "<script>alert(1)</script>\"'&\x01\xff";
  results.experiment.name = evil;
  results.experiment.manifest_text = evil;
  results.experiment.manifest_source = evil;
  results.experiment.created = evil;
  results.experiment.plan["models"][0]["name"] = evil;
  results.experiment.plan["suites"][0]["name"] = evil;
  results.sessions[0].machine["cpu"] = evil;
  results.sessions[0].machine["load_average"] = evil;
  results.sessions[0].flags = {evil};
  results.sessions[0].started = evil;
  results.sessions[0].state = evil;
  results.sessions[0].energy_source = meter::EnergySource{evil, evil, evil};
  for (auto& configuration : results.configurations) {
    configuration.model = evil;
    configuration.precision = evil;
    configuration.suite = evil;
  }
  for (auto& block : results.blocks) {
    block.energy_source = meter::EnergySource{evil, evil, evil};
    block.flags = {evil};
  }
  for (const auto& renderer : {kFakeRenderer, kNoRenderer}) {
    const std::string html = report_of(results, renderer);
    EXPECT_EQ(html.find("<script"), std::string::npos);
    EXPECT_EQ(html.find('\x01'), std::string::npos);
    EXPECT_EQ(html.find('\xff'), std::string::npos);
    EXPECT_NE(html.find("&lt;script&gt;alert(1)"), std::string::npos);
  }
}

TEST(Report, EscapesHtmlAndRepairsUtf8) {
  EXPECT_EQ(html_escape("a<b> & \"c\" 'd'"), "a&lt;b&gt; &amp; &quot;c&quot; &#39;d&#39;");
  EXPECT_EQ(html_escape("ü€😀\n\t"), "ü€😀\n\t");
  EXPECT_EQ(html_escape("a\x80z\xC3"), "a\uFFFDz\uFFFD");
  EXPECT_EQ(html_escape("\xED\xA0\x80"), "\uFFFD\uFFFD\uFFFD");  // a surrogate
  EXPECT_EQ(html_escape(std::string_view("\0", 1)), "\uFFFD");
}

TEST(Report, WithoutGnuplotSaysHowToGetFigures) {
  const std::string html = report_of(test_results(2), kNoRenderer);
  EXPECT_EQ(html.find("<svg"), std::string::npos);
  EXPECT_EQ(count(html, "gnuplot is not installed. Install it."), 3u);
  EXPECT_NE(html.find("Every configuration"), std::string::npos);
}

TEST(Report, OfNothingIsStillAPage) {
  Results results = test_results(0);
  const std::string html = report_of(results, kNoRenderer);
  EXPECT_NE(html.find("No finished answers yet."), std::string::npos);
}

TEST(Figures, NamesWithQuotesAndBackquotesCannotLeaveTheirString) {
  EXPECT_EQ(gnuplot_quote("it's `rm -rf`\n$x"), "'it''s  rm -rf  $x'");
}

TEST(Figures, SvgWithScriptsIsRefusedAndIdsArePrefixed) {
  EXPECT_FALSE(embed_svg("no picture", "x"));
  EXPECT_FALSE(embed_svg("<svg><script>1</script></svg>", "x"));
  const auto svg = embed_svg(
      "<?xml?><svg><g id=\"a\"/><use xlink:href='#a'/><path stroke='rgb( 17,  34,  51)'/></svg>",
      "x");
  ASSERT_TRUE(svg);
  EXPECT_EQ(*svg, "<svg><g id=\"x-a\"/><use xlink:href='#x-a'/><path stroke='var(--ink)'/></svg>");
}

// Where gnuplot is there, the scripts must please it; hostile names included.
TEST(Figures, GnuplotDrawsAllThree) {
  const Renderer renderer = gnuplot_renderer();
  const auto probe = renderer("set terminal svg\nplot [0:1] x");
  if (!probe) GTEST_SKIP() << probe.error().message();
  Results results = test_results(2);
  for (auto& c : results.configurations) {
    if (c.precision == "Q4_0") c.precision = "Q4'`id`</svg><script>{/:}";
  }
  const Summary summary = summarise(results);
  const auto figures = draw_figures(results, summary, renderer);
  ASSERT_EQ(figures.size(), 3u);
  for (const auto& figure : figures) {
    EXPECT_GT(figure.svg.size(), 1000u) << figure.id << ": " << figure.problem;
    EXPECT_EQ(figure.svg.find("<script"), std::string::npos);
  }
  EXPECT_NE(figures[0].svg.find("Q8_0"), std::string::npos);
}

TEST(Export, CsvAndJsonHoldEveryRecordOnceHoweverOftenWritten) {
  const TestFolder folder;
  const Results results = test_results(2);
  const Summary summary = summarise(results);
  for (int i = 0; i < 2; ++i) {
    const auto page = write_outputs(folder.path(), results, summary, kNoRenderer);
    ASSERT_TRUE(page) << page.error().message();
    EXPECT_EQ(page->filename(), "report.html");
  }
  const auto csv = read_file(folder.path() / "records.csv").value();
  EXPECT_EQ(count(csv, "\r\n"), 1 + results.records.size());
  const auto json =
      parse_json(read_file(folder.path() / "records.json").value(), "records").value();
  EXPECT_EQ(json.size(), results.records.size());
  EXPECT_EQ(json[0]["block"], 1);
  const auto summary_csv_text = read_file(folder.path() / "summary.csv").value();
  EXPECT_EQ(count(summary_csv_text, "\r\n"), 1 + summary.rows.size());
  const auto all = parse_json(read_file(folder.path() / "summary.json").value(), "summary").value();
  ASSERT_EQ(all["configurations"].size(), summary.rows.size());
  EXPECT_EQ(all["configurations"][3]["exit_layer"], 16);
  EXPECT_EQ(all["configurations"][3]["energy_kind"], "model");
  EXPECT_TRUE(all["configurations"][3].contains("energy_per_output_token_j_gross_ci95_low"));
}

TEST(Export, AnUnwritableFolderIsNamed) {
  const Results results = test_results(1);
  const auto page = write_outputs("/proc/wattle-none", results, summarise(results), kNoRenderer);
  ASSERT_FALSE(page);
  EXPECT_NE(page.error().what.find("/proc/wattle-none"), std::string::npos);
}

}  // namespace
}  // namespace wattle::lab
