#include "learn/telemetry/wording.hpp"

#include <fmt/format.h>

#include <array>

#include "learn/telemetry/free_wording.hpp"

namespace wattle::learn {
namespace {
using View = std::string_view;

constexpr auto kPlaces = std::to_array<View>(
    {"kitchen", "server room", "boiler room", "greenhouse", "warehouse", "garage",    "workshop",
     "hallway", "laboratory",  "office",      "basement",   "canteen",   "classroom", "stable",
     "attic",   "laundry",     "pump house",  "store room", "lobby",     "bakery"});

// {place} and {id} are filled in. The payload follows after a colon or "shows".
constexpr auto kTrainingIntroductions = std::to_array<View>({
    "Telemetry from the {place}:",
    "Sensor readings from device {id}:",
    "Latest readings of node {id} in the {place}:",
    "Here are the current sensor values of the {place}:",
    "The gateway received this message from device {id}:",
    "Device {id} reports:",
    "The {place} node sent",
    "I have these environmental readings from the {place}:",
    "Environmental sensor data, device {id}, {place}:",
    "Data:",
    "Readings:",
    "Telemetry:",
    "Room: {place}. Values:",
    "We measured the following in the {place}:",
    "A new sample arrived from the {place}:",
    "Our monitor in the {place} shows",
    "Look at this sensor data:",
    "Node {id}, most recent measurements:",
    "These numbers come from the {place}:",
    "Message {id} on iot/telemetry:",
    "The sensors in the {place} say:",
    "Measured a minute ago near the {place}:",
    "Status request for the {place}. Payload:",
    "Sample {id}:",
    "From the log of device {id}:",
    "My station in the {place} measured",
});

constexpr auto kTrainingQuestions = std::to_array<View>({
    "What is the status?",
    "What is going on?",
    "Is everything all right?",
    "What should be done?",
    "Analyse the telemetry.",
    "Analyze these readings and name the cause.",
    "Give the status, the sensor and the likely cause.",
    "Assess the situation.",
    "Which sensor stands out and why?",
    "Is there a problem?",
    "Explain what these values mean.",
    "How serious is this?",
    "What is the most likely cause?",
    "Report status, cause and action.",
    "Is this dangerous?",
    "Summarise the state of the room.",
    "Please check the data.",
    "Do we need to act?",
    "Tell me what is wrong, if anything.",
    "Classify the reading as normal, warning or critical.",
    "Diagnosis:",
    "Analysis:",
    "Answer:",
    "Status:",
    "What happened in the {place}?",
    "Should I worry about the {place}?",
    "Evaluate the data and recommend an action.",
    "What do you conclude?",
});

constexpr auto kHeldOutIntroductions = std::to_array<View>({
    "This is what the {place} looks like right now:",
    "Incoming packet from sensor node {id}:",
    "The following was recorded by device {id} in the {place}:",
    "Current state of the {place}:",
    "Measurement number {id}:",
    "Please read these values from the {place}:",
    "Edge device {id} has just published",
    "Observed in the {place}:",
});

constexpr auto kHeldOutQuestions = std::to_array<View>({
    "Is anything wrong in the {place}?",
    "What does this tell us?",
    "Name the status and the likely cause.",
    "How would you judge these readings?",
    "Is any action needed?",
    "What is your assessment?",
    "Check the sensor values and explain them.",
    "Which problem do the data point at?",
    "Verdict:",
    "Tell me the status of the {place}.",
});

std::string fill(View text, View place, int id) {
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    if (text.substr(i).starts_with("{place}")) {
      out += place;
      i += 7;
    } else if (text.substr(i).starts_with("{id}")) {
      out += fmt::format("{}", id);
      i += 4;
    } else {
      out += text[i++];
    }
  }
  return out;
}
}  // namespace

std::span<const View> introductions(Split split) {
  if (split == Split::training) return kTrainingIntroductions;
  return kHeldOutIntroductions;
}

std::span<const View> questions(Split split) {
  if (split == Split::training) return kTrainingQuestions;
  return kHeldOutQuestions;
}

MarkedText prompt_text(const Case& made, Random& random, Split split, double free_words) {
  const View place = random.pick(kPlaces);
  const int id = random.between(1, 99);
  std::string introduction = fill(random.pick(introductions(split)), place, id);
  std::string question = fill(random.pick(questions(split)), place, id);
  if (split == Split::training && free_words > 0.0) {
    if (random.chance(free_words)) introduction = free_introduction(random, place, id);
    if (random.chance(free_words)) question = free_question(random, place);
    if (random.chance(0.2 * free_words)) introduction = aside(random, place) + " " + introduction;
    if (random.chance(0.2 * free_words)) question = aside(random, place) + " " + question;
  }
  MarkedText payload = payload_text(made, random, split);
  const bool question_first = random.chance(0.2);
  const std::string before =
      question_first ? fmt::format("{} {} ", question, introduction) : introduction + " ";
  const std::string after = question_first ? "." : fmt::format(". {}", question);
  for (Mark& mark : payload.marks) mark.end += before.size();
  payload.text = before + payload.text + after;
  return payload;
}

}  // namespace wattle::learn
