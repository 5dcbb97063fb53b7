import Base
import Containers
import Conversion
import Foundation
import Quants
import TestSupport
import Testing

/// Seeded mutations of every family's configuration and GGUF: understood whole or refused with a sentence.
///
/// `QUERN_FUZZ=200000 swift test -c release --filter FamilyMutationTests` runs the long form.
@Suite(.serialized) struct FamilyMutationTests {
  enum Subject: String, CaseIterable, Codable, Sendable {
    case config, gguf
  }

  /// In a process of its own, whose memory no other test adds to.
  @Test(arguments: Subject.allCases)
  func `Nothing crashes, hangs or swells`(subject: Subject) async {
    await #expect(processExitsWith: .success) { [subject] in
      for family in FamilyGolden.all { try Self.mutate(family, subject) }
      if !Work.isSanitized, let peak = Work.peakBytes() { #expect(peak < 600 << 20) }
    }
  }

  private static func mutate(_ family: FamilyGolden, _ subject: Subject) throws {
    let folder = try TemporaryFolder()
    let (victim, model) = try make(family, subject, in: folder)
    let good = try FileSystem.read(victim)
    try FamilyHostileTests.open(model)
    var mutator = Mutator(seed: UInt64(family.name.utf8.count))
    // Of a GGUF only what stands before the tensors: damaged weights are numbers like others.
    let header = subject == .gguf ? try Containers.open(victim).tensors.map { Int($0.offset) }.min() ?? 0 : good.count
    var refused = 0
    let count = max(20, Mutator.count / 100)
    for round in 0..<count {
      let bytes = mutator.mutate(Array(good[..<header])) + good[header...]
      try Data(bytes).write(to: URL(filePath: victim))
      do {
        try FamilyHostileTests.open(model)
      } catch let error as CheckpointError {
        refused += 1
        #expect(error.code != .fault && error.code != .inputOutput, "\(family.name) round \(round): \(error)")
      }
    }
    #expect(refused > 0, "\(family.name)")
  }

  /// Writes a good model.
  ///
  /// - Returns: the file to damage and what is opened.
  private static func make(
    _ family: FamilyGolden, _ subject: Subject, in folder: TemporaryFolder
  ) throws -> (victim: String, model: String) {
    guard subject == .config else {
      let file = try family.converted(in: folder, "model.gguf", .convert(to: .bf16))
      return (file, file)
    }
    try FileManager.default.createSymbolicLink(
      atPath: folder.file("model.safetensors"), withDestinationPath: family.path("model/model.safetensors"))
    let config = try FileSystem.read(family.path("model/config.json"))
    try Data(config).write(to: URL(filePath: folder.file("config.json")))
    return (folder.file("config.json"), folder.path)
  }
}
