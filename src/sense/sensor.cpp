#include "sense/sensor.hpp"

namespace wattle::sense {

const char* kind_name(Kind kind) {
  switch (kind) {
    case Kind::counter:
      return "counter";
    case Kind::sampled:
      return "sampled";
    case Kind::model:
      return "model";
  }
  return "unknown";
}

const char* rail_name(Rail rail) {
  switch (rail) {
    case Rail::system:
      return "system";
    case Rail::psys:
      return "psys";
    case Rail::package:
      return "package";
    case Rail::core:
      return "core";
    case Rail::uncore:
      return "uncore";
    case Rail::dram:
      return "dram";
    case Rail::cpu:
      return "cpu";
    case Rail::gpu:
      return "gpu";
    case Rail::soc:
      return "soc";
    case Rail::io:
      return "io";
    case Rail::battery:
      return "battery";
    case Rail::other:
      return "other";
    case Rail::modelled:
      return "modelled";
  }
  return "unknown";
}

}  // namespace wattle::sense
