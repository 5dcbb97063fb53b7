import Base
import Containers
import Images

// How colours are shifted and scaled, in a folder and in the metadata of a projector.

extension Preprocessing {
  /// Three numbers of `preprocessor_config.json`, one a colour.
  static func channels(_ key: String, of folder: HuggingFaceFolder?) throws(CheckpointError) -> [Float] {
    guard let values = folder?.preprocessorConfig?[key] else { return [0.5, 0.5, 0.5] }
    let numbers = values.arrayValue?.compactMap(\.doubleValue).filter { $0.isFinite && abs($0) <= 1e6 } ?? []
    guard numbers.count == 3 else {
      throw CheckpointError(
        .malformed, "\(key) must be a list of three numbers", file: "\(folder?.path ?? "")/preprocessor_config.json")
    }
    return numbers.map { Float($0) }
  }

  /// Takes mean and deviation from the metadata of a projector, where they are there.
  mutating func readChannels(_ projector: Metadata) {
    if let mean = projector.floats("clip.vision.image_mean") { self.mean = mean.map { Float($0) } }
    if let deviation = projector.floats("clip.vision.image_std") { self.deviation = deviation.map { Float($0) } }
  }
}
