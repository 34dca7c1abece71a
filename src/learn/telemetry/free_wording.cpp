#include "learn/telemetry/free_wording.hpp"

#include <fmt/format.h>

#include <array>
#include <string_view>

namespace wattle::learn {
namespace {
using View = std::string_view;

constexpr auto kOpeners =
    std::to_array<View>({"Here come",      "Below are",     "See",
                         "Take",           "Given",         "Consider",
                         "I got",          "We have",       "New",
                         "Fresh",          "Recent",        "Hourly",
                         "Attached are",   "Someone sent",  "The log holds",
                         "Incoming",       "Published",     "Recorded",
                         "Observed",       "Collected",     "The following",
                         "This is",        "Current",       "Please look at",
                         "Please read",    "You see",       "The edge box gives",
                         "A packet with",  "Stored",        "The latest",
                         "Another set of", "Just received", "Automatic",
                         "It shows",       "Check"});
constexpr auto kNouns = std::to_array<View>(
    {"values", "readings", "measurements", "numbers", "data", "telemetry", "samples", "sensor data",
     "observations", "figures", "results", "sensor values", "records", "sensor readings",
     "a measurement", "packets", "messages"});
constexpr auto kOrigins = std::to_array<View>(
    {"from the {place}", "of the {place}", "in the {place}", "at the {place}", "from device {id}",
     "of node {id}", "by sensor {id}", "for unit {id}", "of station {id}", "inside the {place}",
     "number {id}", "from the {place} node {id}", "by device {id} in the {place}",
     "near the {place}", "of edge device {id}"});
constexpr auto kTimes = std::to_array<View>({"at 7:30", "this morning", "just now", "tonight",
                                             "a moment ago", "on Monday", "at noon", "as of now",
                                             "right now", "today", "last night", "an hour ago"});
constexpr auto kEndings = std::to_array<View>({":", ":", ":", " are", " -", " read", " show"});

constexpr auto kProblems = std::to_array<View>(
    {"wrong", "the matter", "happening", "the issue", "the trouble", "the reason", "the problem",
     "the explanation", "the story", "behind it", "the state", "the situation", "the danger"});
constexpr auto kSeems =
    std::to_array<View>({"is", "seems to be", "might be", "could be", "would be"});
constexpr auto kWhere = std::to_array<View>(
    {"", " here", " there", " in the {place}", " in this room", " with the {place}"});
constexpr auto kRequests = std::to_array<View>(
    {"Give", "State", "Write", "Tell me", "Provide", "Find", "Identify", "Determine", "Judge",
     "Name", "Describe", "Explain", "Estimate", "Report on", "Summarise", "Check", "Show", "Say"});
constexpr auto kObjects = std::to_array<View>(
    {"the status", "the cause", "your diagnosis", "your opinion", "the state of the {place}",
     "the level of danger", "the sensor at fault", "what to do", "the right action", "the problem",
     "the readings", "the likely reason", "what these data tell us", "the most likely problem",
     "which sensor points at it", "how bad it is", "the sensor values", "your judgement"});
constexpr auto kLooks = std::to_array<View>({"fine", "ok", "safe", "bad", "strange", "critical",
                                             "normal", "dangerous", "unusual", "healthy"});
constexpr auto kSubjects = std::to_array<View>(
    {"this", "the room", "the {place}", "all of it", "everything", "that", "the reading", "it"});
constexpr auto kHeadings = std::to_array<View>(
    {"Result:", "Conclusion:", "Report:", "Assessment:", "Evaluation:", "Reply:", "Opinion:",
     "Judgement:", "Summary:", "Advice:", "Finding:", "Your answer:", "Output:", "In short:"});
constexpr auto kNeeds = std::to_array<View>(
    {"Should we do anything", "What do I have to do", "What would you do", "What can we learn",
     "Must anybody act", "Do you see a problem", "Which sensor is it", "What could it be",
     "What do the data say", "How do you read this", "How would you rate this",
     "Does it need attention", "What does it point to", "Why is that", "What now"});

constexpr auto kWho = std::to_array<View>({"The visitors", "Our team", "A neighbour", "The owner",
                                           "My colleague", "The weather", "The night shift",
                                           "Nobody", "The guard", "The {place} manager"});
constexpr auto kDid = std::to_array<View>({"left early", "called twice", "was here before", "knows",
                                           "asked about it", "went home", "wants a short answer",
                                           "reported this", "has been busy", "is waiting"});

std::string fill(View text, View place, int id) {
  std::string out(text);
  for (const auto& [slot, value] : {std::pair<View, std::string>{"{place}", std::string(place)},
                                    {"{id}", fmt::format("{}", id)}}) {
    for (std::size_t at = out.find(slot); at != std::string::npos;
         at = out.find(slot, at + value.size())) {
      out.replace(at, slot.size(), value);
    }
  }
  return out;
}
}  // namespace

std::string free_introduction(Random& random, View place, int id) {
  std::string text(random.pick(kOpeners));
  text += fmt::format(" {}", random.pick(kNouns));
  if (random.chance(0.8)) text += fmt::format(" {}", random.pick(kOrigins));
  if (random.chance(0.35)) text += fmt::format(" {}", random.pick(kTimes));
  return fill(text, place, id) + std::string(random.pick(kEndings));
}

std::string free_question(Random& random, View place) {
  std::string text;
  switch (random.below(5)) {
    case 0:
      text = fmt::format("What {} {}{}?", random.pick(kSeems), random.pick(kProblems),
                         random.pick(kWhere));
      break;
    case 1:
      text = fmt::format("{}{} {}", random.chance(0.2) ? "Please now: " : "",
                         random.pick(kRequests), random.pick(kObjects));
      if (random.chance(0.5)) text += fmt::format(" and {}", random.pick(kObjects));
      text += ".";
      break;
    case 2:
      text = fmt::format("Is {} {}{}?", random.pick(kSubjects), random.pick(kLooks),
                         random.chance(0.3) ? " or not" : "");
      break;
    case 3:
      text = random.pick(kHeadings);
      break;
    default:
      text = fmt::format("{}{}?", random.pick(kNeeds), random.pick(kWhere));
      break;
  }
  return fill(text, place, 0);
}

std::string aside(Random& random, View place) {
  return fill(fmt::format("{} {}.", random.pick(kWho), random.pick(kDid)), place, 0);
}

}  // namespace wattle::learn
