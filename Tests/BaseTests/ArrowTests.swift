import Foundation
import TestSupport
import Testing

/// The arrows between the rooms: what Package.swift allows, what the code imports and what docs/tour.md draws are the same.
@Suite struct ArrowTests {
  @Test("An import is allowed by Package.swift, and what Package.swift allows is imported")
  func imports() throws {
    let targets = try House.targets()
    #expect(targets.count > 25, "Package.swift was not understood")
    for target in targets {
      let imports = try House.imports(of: target)
      let system = target.path.hasPrefix("Sources/") ? House.system : House.system.union(["Foundation", "Testing"])
      for (module, file) in imports where !system.contains(module) {
        let isAllowed = target.dependencies.contains { House.module($0) == module }
        #expect(isAllowed, "\(file) imports \(module), which Package.swift does not let \(target.name) import")
      }
      // A target without Swift includes headers.
      guard try House.hasSwift(target) else { continue }
      for dependency in target.dependencies where dependency != "TestSupport" {
        #expect(imports[House.module(dependency)] != nil, "no file of \(target.name) imports \(dependency)")
      }
    }
  }

  @Test("Every arrow is drawn in docs/tour.md, and no other")
  func drawing() throws {
    var drawn: [String: Set<String>] = [:]
    for line in try House.text("docs/tour.md").split(separator: "\n") where line.hasPrefix("    ") {
      let sides = line.split(separator: " -> ")
      guard sides.count == 2 else { continue }
      let name = sides[0].trimmingCharacters(in: .whitespaces)
      #expect(drawn[name] == nil, "\(name) is drawn twice")
      drawn[name] = Set(sides[1].split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) })
    }
    for target in try House.targets() where target.path.hasPrefix("Sources/") && !target.dependencies.isEmpty {
      #expect(drawn.removeValue(forKey: target.name) == Set(target.dependencies), "the arrows of \(target.name)")
    }
    #expect(drawn.isEmpty, "drawn and not in Package.swift: \(drawn.keys.sorted())")
  }
}

/// Package.swift and the files of its targets.
private enum House {
  struct Target {
    var name: String
    var path: String
    var dependencies: [String]
  }

  /// What comes with the system or the compiler.
  static let system: Set<String> = ["Darwin", "Glibc", "Musl", "Synchronization", "CryptoKit"]

  static let folder = (Fixtures.folder as NSString).deletingLastPathComponent

  static func module(_ target: String) -> String { target.replacingOccurrences(of: "-", with: "_") }

  static func text(_ path: String) throws -> String { try String(contentsOfFile: folder + "/" + path, encoding: .utf8) }

  /// The targets as Package.swift writes them: `room("Name", [below])`, `tests("Name", [rooms])` or `.target(name: …)`.
  static func targets() throws -> [Target] {
    let package = try text("Package.swift").replacing(#/(?m)^\s*//.*$/#, with: "")
    let start = /(room|tests|\.target|\.executableTarget|\.systemLibrary)\(\s*(?:name: )?"([\w-]+)"/
    return package.matches(of: start).map { match in
      let call = balanced(package[match.range.lowerBound...], "(", ")")
      let arguments = call.dropFirst(match.output.0.count)
      let isTests = match.output.1 == "tests"
      let name = String(match.output.2) + (isTests ? "Tests" : "")
      let path = arguments.firstMatch(of: /path: "([^"]+)"/).map { String($0.output.1) }
      let list =
        match.output.1.hasPrefix(".")
        ? arguments.firstRange(of: "dependencies:").map { arguments[$0.upperBound...] }
        : arguments.firstRange(of: "resources:").map { arguments[..<$0.lowerBound] } ?? arguments
      // The condition of an arrow inside a target's own list names no target.
      let isNamed =
        match.output.1 != ".target" || arguments.contains("dependencies:") || !arguments.contains("condition:")
      let names = list.map { balanced($0, "[", "]").replacing(/package: "[^"]*"/, with: "") } ?? ""
      return Target(
        name: isNamed ? name : "", path: path ?? (isTests ? "Tests/" : "Sources/") + name,
        dependencies: (isTests ? ["TestSupport"] : []) + names.matches(of: /"([^"]+)"/).map { String($0.output.1) })
    }.filter { target in !target.name.isEmpty }
  }

  /// The text up to the bracket that closes the first one.
  private static func balanced(_ text: Substring, _ open: Character, _ close: Character) -> String {
    var depth = 0
    for place in text.indices {
      if text[place] == open { depth += 1 }
      guard text[place] == close else { continue }
      depth -= 1
      if depth == 0 { return String(text[...place]) }
    }
    return String(text)
  }

  private static func files(of target: Target) throws -> [String] {
    let path = folder + "/" + target.path
    guard FileManager.default.fileExists(atPath: path) else { return [] }
    return try FileManager.default.subpathsOfDirectory(atPath: path).filter { $0.hasSuffix(".swift") }
      .map { target.path + "/" + $0 }
  }

  static func hasSwift(_ target: Target) throws -> Bool { try !files(of: target).isEmpty }

  /// Every module that a target's files import, and a file that does.
  static func imports(of target: Target) throws -> [String: String] {
    let line = /(?m)^\s*(?:@\w+ )?(?:\w+ )?import (\w+)$/
    var found: [String: String] = [:]
    for file in try files(of: target) {
      for match in try text(file).matches(of: line) { found[String(match.output.1)] = file }
    }
    return found
  }
}
