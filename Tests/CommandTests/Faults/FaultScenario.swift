import Foundation
import TestSupport
import Testing

/// A run into which faults are injected, the state before it, and the one it leaves when nothing fails.
struct FaultScenario: CustomTestStringConvertible, Sendable {
  /// What the program does in `out/`, beside files that are the user's.
  enum Work: String, CaseIterable, Sendable { case convert, quantize, restore }

  let work: Work
  /// Whether other, older outputs stand in the place.
  let overwrites: Bool
  /// Whether unfinished outputs have hidden names, as where the file system knows no files without names.
  let isNamed: Bool

  static let all = Work.allCases.flatMap { work in
    [false, true].flatMap { overwrites in
      [false, true].map { FaultScenario(work: work, overwrites: overwrites, isNamed: $0) }
    }
  }

  var testDescription: String {
    "\(work)\(overwrites ? " over older outputs" : "")\(isNamed ? " with hidden names" : "")"
  }

  /// The arguments, without `--overwrite`.
  private func arguments(_ root: String, isOlder: Bool = false) -> [String] {
    switch work {
    case .convert:
      ["convert", root + "/source", "-o", root + "/out/m.gguf", "--quiet"] + (isOlder ? ["--type", "f16"] : [])
    case .quantize:
      [
        "quantize", root + "/source", isOlder ? "Q4_0" : "Q8_0", "-o", root + "/out/m.gguf", "--quiet",
        "--checksums", root + "/out/sums", "--save-recipe", root + "/out/recipe",
      ] + (isOlder ? ["--vision-type", "f32"] : [])
    case .restore:
      [
        "convert", root + "/in/text.gguf,\(root)/in/vision.gguf", "--to", "safetensors", "-o", root + "/out/model",
        "--quiet",
      ] + (isOlder ? ["--type", "f16"] : ["--split-size", "3M"])
    }
  }

  func arguments(_ root: String, overwriting: Bool) -> [String] {
    arguments(root) + (overwriting ? ["--overwrite"] : []) + ["--threads", "2"]
  }

  var environment: [String: String] { isNamed ? ["QUERN_NAMED_STAGING": "1"] : [:] }

  /// Makes what is read, the older outputs, and files of the user beside and among them; `root/out` is the state before.
  func prepare(_ root: String) throws {
    let manager = FileManager.default
    try manager.createDirectory(atPath: root + "/out", withIntermediateDirectories: true)
    try Miniature.write(to: root + "/source")
    if work == .restore {
      try manager.createDirectory(atPath: root + "/in", withIntermediateDirectories: true)
      try run([
        "convert", root + "/source", "-o", root + "/in/text.gguf", "--vision-output", root + "/in/vision.gguf",
      ])
    }
    if overwrites { try run(arguments(root, isOlder: true)) }
    for folder in Self.userFolders(work, overwrites) {
      try manager.createDirectory(atPath: "\(root)/out/\(folder)mine/empty", withIntermediateDirectories: true)
      for name in ["notes.txt", ".hidden", "mine/a.txt"] {
        try Data("mine: \(folder)\(name)".utf8).write(to: URL(filePath: "\(root)/out/\(folder)\(name)"))
      }
      try manager.createSymbolicLink(atPath: "\(root)/out/\(folder)link", withDestinationPath: "nowhere")
    }
  }

  private static func userFolders(_ work: Work, _ overwrites: Bool) -> [String] {
    work == .restore && overwrites ? ["", "model/"] : [""]
  }

  /// The paths of the user's files in `out/`.
  var userPaths: [String] {
    Self.userFolders(work, overwrites).flatMap { folder in
      ["notes.txt", ".hidden", "mine", "mine/a.txt", "mine/empty", "link"].map { folder + $0 }
    }
  }

  private func run(_ arguments: [String]) throws {
    let run = try CommandLineRun(arguments)
    try #require(run.status == 0, "\(arguments): \(run.errors)")
  }
}
